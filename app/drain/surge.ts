import { type Budget, canNeverAllow } from './budget.ts';
import type { Plan } from './decision.ts';
import type { Deployment } from './deployment.ts';
import { nameOf, type Pod } from './pod.ts';

/** A pod that waits for budgets. */
export type SurgeCandidate = {
  readonly pod: Pod;
  readonly budgets: readonly Budget[];
  /** Those that can never allow its eviction while the replicas of its workload stand still. */
  readonly stuck: readonly Budget[];
};

/**
 * The pods that only a surge of their workload can free, and those whose Deployment may be in the middle of one: while there are more
 * pods than its replicas, a budget that can never allow an eviction looks as if it could. They are ready, and have time to wait.
 */
export function surgeCandidates({ decisions }: Plan, isPodDue: (pod: Pod) => boolean): SurgeCandidate[] {
  return decisions.flatMap((decision) => {
    if (decision.action !== 'wait' || decision.reason.kind !== 'budget') return [];
    const { pod, reason } = decision;
    const { budgets } = reason;
    const stuck = budgets.filter(canNeverAllow);
    const mayRoll = pod.controller?.kind === 'ReplicaSet' && budgets.length > 0;
    return (stuck.length > 0 || mayRoll) && pod.ready && !isPodDue(pod) ? [{ pod, budgets, stuck }] : [];
  });
}

/**
 * Does a rollout replace pods that their budgets would not let go without it? Then they are left to it: its Deployment ends some pods,
 * and the drain must not evict others in the same moment.
 */
export function movesPods(deployment: Deployment, budgets: readonly Budget[]): boolean {
  return isRolling(deployment) && budgets.some(({ desired }) => desired >= deployment.replicas);
}

export type SurgeVerdict =
  | { readonly kind: 'restart' }
  /** A rollout is in progress already, whoever started it, or not all pods are available. */
  | { readonly kind: 'rolling' }
  /** `reason`: for people, after the name of the Deployment. */
  | { readonly kind: 'not possible'; readonly reason: string };

/**
 * Is the Deployment to be restarted for the drain that has started at this instant (milliseconds since the epoch)? Only the state of
 * the API counts: another drain, or an earlier task of this one, may have restarted it.
 */
export function judgeSurge(deployment: Deployment, drainStartedAt: number): SurgeVerdict {
  const { paused, replicas, restartedAt, strategy } = deployment;
  const impossible = (reason: string): SurgeVerdict => ({ kind: 'not possible', reason });
  // `kubectl rollout restart` refuses a paused one, too: nothing would happen until it is resumed.
  if (paused) return impossible('it is paused (spec.paused)');
  if (strategy === 'Recreate') return impossible('its strategy Recreate ends the old pods before it creates new ones');
  if (strategy.maxSurge < 1) return impossible('its strategy allows no additional pod (maxSurge is 0)');
  if (replicas - strategy.maxUnavailable < 1) {
    return impossible(
      `its strategy may end its last pod before another one is available (maxUnavailable is ${strategy.maxUnavailable})`,
    );
  }
  if (!isComplete(deployment)) {
    return isStalled(deployment) ? impossible(STALLED) : { kind: 'rolling' };
  }
  // kubectl writes whole seconds.
  if (restartedAt !== undefined && restartedAt >= Math.floor(drainStartedAt / 1000) * 1000) {
    const at = new Date(restartedAt).toISOString();
    return impossible(`it was restarted at ${at}, during this drain, and its pod is on this node all the same`);
  }
  return { kind: 'restart' };
}

/** Why a workload that is no Deployment is not restarted, for people. */
export function noDeployment({ controller, ...pod }: Pod): { readonly workload: string; readonly reason: string } {
  if (controller === undefined) return { workload: `pod ${nameOf(pod)}`, reason: 'it has no controller' };
  const workload = `${controller.kind} ${nameOf({ namespace: pod.namespace, name: controller.name })}`;
  if (controller.kind === 'StatefulSet') {
    return { workload, reason: 'a StatefulSet creates no new pod before the old one is gone' };
  }
  return { workload, reason: 'it does not belong to a Deployment' };
}

/** A restart of ours. */
export type Restart = {
  /** The value of the annotation, in milliseconds since the epoch. */
  readonly at: number;
  readonly generation: number;
  readonly replicas: number;
};

export type RolloutProgress =
  | 'running'
  | 'complete'
  /** It is not waited for any longer. `failed`: why, for people. */
  | { readonly failed: string };

const STALLED = 'its rollout makes no progress (ProgressDeadlineExceeded)';

/**
 * What has become of a rollout.
 * @param latest undefined: the Deployment is gone
 * @param restart absent: another one started it
 */
export function rolloutProgress(latest: Deployment | undefined, restart?: Restart): RolloutProgress {
  if (latest === undefined) return { failed: 'it was deleted' };
  if (restart !== undefined) {
    // What was read before the restart says nothing about it.
    if (latest.generation < restart.generation) return 'running';
    if (latest.restartedAt === undefined || latest.restartedAt < restart.at) {
      return { failed: 'whoever manages it (GitOps?) has taken the restart back: its template is the old one again' };
    }
    if (latest.replicas !== restart.replicas) {
      return { failed: `its replicas changed from ${restart.replicas} to ${latest.replicas} (an autoscaler?)` };
    }
  }
  if (latest.paused) return { failed: 'it was paused in the middle of its rollout' };
  if (isStalled(latest)) return { failed: STALLED };
  return isComplete(latest) ? 'complete' : 'running';
}

/** https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/deployment/util/deployment_util.go (DeploymentComplete) */
function isComplete({ replicas, status, ...deployment }: Deployment): boolean {
  return (
    status.observedGeneration >= deployment.generation &&
    [status.replicas, status.updated, status.available].every((count) => count === replicas)
  );
}

/** Are there pods of an older template, or will there be? Their Deployment ends them, and counts on all the others meanwhile. */
export function isRolling({ generation, replicas, status }: Deployment): boolean {
  return status.observedGeneration < generation || status.updated !== replicas || status.replicas !== status.updated;
}

/** The condition may be that of an earlier rollout until the controller has seen the latest template. */
function isStalled({ generation, status }: Deployment): boolean {
  return status.stalled && status.observedGeneration >= generation;
}
