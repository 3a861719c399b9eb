import { toSeconds } from '../../app/lib/clock.ts';
import { harmText } from '../witness/harm.ts';
import type { FaultEnvironment } from './fault-environment.ts';
import type { FaultResult } from './scenario.ts';

/** Checks every terminated instance of the environment, every program that ran for it, and asks the witness. */
export async function resultOf(
  fixture: FaultEnvironment,
  figures: string,
  more: readonly string[] = [],
): Promise<FaultResult> {
  const terminated = fixture.instances.filter((id) => fixture.aws.lifecycleActions(id).length > 0);
  const remaining = await fixture.remainingPods();
  const problems = [...more];
  const drained = terminated.filter((id) => {
    const [action, ...others] = fixture.aws.lifecycleActions(id);
    const node = fixture.instances.indexOf(id);
    return (
      others.length === 0 && action?.result === 'CONTINUE' && !remaining.some((pod) => pod.startsWith(`pod-${node}-`))
    );
  });
  if (drained.length < terminated.length) problems.push(`${terminated.length - drained.length} not drained`);
  const duplicates = completionsOf(fixture).filter((count) => count > 1).length;
  if (duplicates > 0) problems.push(`${duplicates} completed more than once`);
  const programs = await Promise.all([...fixture.programs, ...fixture.fargate.tasks].map((program) => program.ended()));
  const crashes = programs.filter(({ stderr }) => /\n\s+at /.test(stderr)).length;
  if (crashes > 0) problems.push(`${crashes} ended with a stack trace`);
  const harm = harmText(await fixture.witness.harm());
  return { nodes: terminated.length, drained: drained.length, harm, figures, problems, programs };
}

/** How often the lifecycle action of each instance was completed. */
function completionsOf({ aws }: FaultEnvironment): number[] {
  const counts = new Map<string, number>();
  for (const { action, status, parameters } of aws.requests) {
    if (action !== 'autoscaling:CompleteLifecycleAction' || status !== 200) continue;
    const instance = parameters['InstanceId'] ?? '';
    counts.set(instance, (counts.get(instance) ?? 0) + 1);
  }
  return [...counts.values()];
}

/** Pods whose eviction the API accepted more than once. */
export function evictedTwice({ kubernetes }: FaultEnvironment): number {
  const counts = new Map<string, number>();
  for (const { resource, name, status } of kubernetes.requests) {
    if (resource !== 'pods/eviction' || status !== 201 || name === undefined) continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts.values()].filter((count) => count > 1).length;
}

export function seconds(ms: number): string {
  return `${toSeconds(ms)} s`;
}
