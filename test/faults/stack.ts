import { setTimeout as pause } from 'node:timers/promises';
import { KUBECONFIG, templateText } from '../infra/templates.ts';
import type { FaultEnvironment } from './fault-environment.ts';

/** Deploys drainer.yaml: its rule, schedule and task definition start every task from now on. */
export function deployDrainer({ aws }: FaultEnvironment): void {
  // There are no load balancers to wait for.
  aws.deploy(templateText('drainer'), { ...KUBECONFIG, LoadBalancerSeconds: '0' });
}

/** Terminates all instances at the same time, and sweeps until no lifecycle action is pending. */
export async function drainAll({ aws, instances, fargate }: FaultEnvironment, sweepEveryMs: number) {
  const startedAt = Date.now();
  for (const instance of instances) aws.terminateInstance(instance);
  const sweeps = aws.startSchedules({ everyMs: sweepEveryMs });
  while (instances.some((id) => aws.lifecycleActions(id).some(({ state }) => state === 'pending'))) await pause(100);
  sweeps.stop();
  const tookMs = Date.now() - startedAt;
  await fargate.allEnded();
  return { tookMs, bySweeps: aws.tasks.filter(({ startedBy }) => startedBy === 'sweep').length };
}
