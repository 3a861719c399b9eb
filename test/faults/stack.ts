import { setTimeout as pause } from 'node:timers/promises';
import { KUBECONFIG, templateText } from '../infra/templates.ts';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import type { FaultEnvironment } from './fault-environment.ts';

const PROBE_EVERY_MS = 60_000;

/** Deploys drainer.yaml for one cluster: its rules, probe and task definition start every task from now on. */
export function deployDrainer({ aws }: FaultEnvironment, probeEveryMs: number): void {
  deployStack(aws, probeEveryMs, KUBECONFIG);
}

/**
 * Deploys drainer.yaml.
 * @param probeEveryMs the minute between two probes. The other times of the probe are shorter by the same factor: a minute has
 *   one sweep, and an instance is started once in five minutes.
 */
export function deployStack(
  aws: AwsSimulator,
  probeEveryMs: number,
  parameters: Readonly<Record<string, string>>,
): void {
  const template = templateText('drainer').replaceAll(/\b(60000|300000)\b/g, (ms) =>
    String(Math.max(1, Math.round((Number(ms) * probeEveryMs) / PROBE_EVERY_MS))),
  );
  // There are no load balancers to wait for. The probe must suffice: no sweeps by the clock.
  aws.deploy(template, { ...parameters, LoadBalancerSeconds: '0', SweepHours: '0' });
}

/** Deploys ec2-events.yaml beside it: the rules for what EC2 announces. */
export function deployEc2Events(aws: AwsSimulator, parameters: Readonly<Record<string, string>>): void {
  aws.deploy(templateText('ec2-events'), { DrainerName: 'node-drainer', ...parameters });
}

/** Terminates all instances at the same time, and probes until no lifecycle action is pending. */
export async function drainAll({ aws, instances, fargate }: FaultEnvironment, probeEveryMs: number) {
  const startedAt = Date.now();
  for (const instance of instances) aws.terminateInstance(instance);
  const probes = aws.startSchedules({ everyMs: probeEveryMs });
  while (instances.some((id) => aws.lifecycleActions(id).some(({ state }) => state === 'pending'))) await pause(100);
  probes.stop();
  const tookMs = Date.now() - startedAt;
  await fargate.allEnded();
  return { tookMs, bySweeps: aws.tasks.filter(({ startedBy }) => startedBy === 'sweep').length };
}
