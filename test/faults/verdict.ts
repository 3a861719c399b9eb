import { toSeconds } from '../../app/lib/clock.ts';
import type { Town } from './fault-environment.ts';
import type { Figure } from './scenario.ts';

/** What became of every instance of the town that was terminated, and of what ran for it. */
export async function verdictOf(town: Town, told: string, more: readonly string[] = []): Promise<Figure> {
  const terminated = town.instances.filter((id) => town.aws.lifecycleActions(id).length > 0);
  const left = await town.podsLeft();
  const faults = [...more];
  const drained = terminated.filter((id) => {
    const [action, ...others] = town.aws.lifecycleActions(id);
    const node = town.instances.indexOf(id);
    return others.length === 0 && action?.result === 'CONTINUE' && !left.some((pod) => pod.startsWith(`pod-${node}-`));
  });
  if (drained.length < terminated.length) faults.push(`${terminated.length - drained.length} not drained`);
  const doubles = completionsOf(town).filter((count) => count > 1).length;
  if (doubles > 0) faults.push(`${doubles} completed more than once`);
  const programs = await Promise.all([...town.programs, ...town.fargate.tasks].map((program) => program.ended()));
  const crashed = programs.filter(({ stderr }) => /\n\s+at /.test(stderr)).length;
  if (crashed > 0) faults.push(`${crashed} ended with a stack trace`);
  return { nodes: terminated.length, drained: drained.length, told, faults, programs };
}

/** How often the action of each instance was completed with success. */
function completionsOf({ aws }: Town): number[] {
  const counts = new Map<string, number>();
  for (const { action, status, parameters } of aws.requests) {
    if (action !== 'autoscaling:CompleteLifecycleAction' || status !== 200) continue;
    const instance = parameters['InstanceId'] ?? '';
    counts.set(instance, (counts.get(instance) ?? 0) + 1);
  }
  return [...counts.values()];
}

/** Pods whose eviction the API accepted more than once. */
export function evictedTwice({ kubernetes }: Town): number {
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
