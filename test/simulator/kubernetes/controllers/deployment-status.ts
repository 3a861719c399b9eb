import { timestamp } from '../model/cluster.ts';
import type { Deployment, DeploymentCondition, ReplicaSet } from '../model/objects.ts';

type Status = Deployment['status'];

/**
 * The status of a Deployment, with the conditions `Available` and `Progressing`.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/deployment/progress.go (syncRolloutStatus)
 * @param now milliseconds since the epoch
 */
export function statusOf(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  maxUnavailable: number,
  now: number,
): Status {
  const sets = [...old, ...(current === undefined ? [] : [current])];
  const sum = (count: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((total, set) => total + (count(set) ?? 0), 0);
  const { replicas = 1 } = deployment.spec;
  const available = sum(({ status }) => status.availableReplicas);
  const unavailable = Math.max(0, sum(({ spec }) => spec.replicas ?? 1) - available);
  // Go's omitempty: a count of 0 is not shown.
  const count = (field: string, value: number) => (value === 0 ? {} : { [field]: value });
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...count(
      'replicas',
      sum(({ status }) => status.replicas),
    ),
    ...count('updatedReplicas', current?.status.replicas ?? 0),
    ...count(
      'readyReplicas',
      sum(({ status }) => status.readyReplicas),
    ),
    ...count('availableReplicas', available),
    ...count('unavailableReplicas', unavailable),
  };
  const isAvailable = available >= replicas - maxUnavailable;
  const availability = {
    type: 'Available',
    status: isAvailable ? 'True' : 'False',
    reason: isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${isAvailable ? 'has' : 'does not have'} minimum availability.`,
  };
  const progress = progressOf(deployment, counts, current, now);
  const conditions = [availability, ...(progress === undefined ? [] : [progress])].map((condition) =>
    changed(deployment.status, condition, now),
  );
  return { ...counts, conditions };
}

type Condition = Omit<DeploymentCondition, 'lastUpdateTime' | 'lastTransitionTime'> & { readonly isNews?: boolean };

/** SetDeploymentCondition: a condition of the same status and reason stays as it was, but for one that tells of progress. */
function changed({ conditions = [] }: Status, { isNews, ...condition }: Condition, now: number): DeploymentCondition {
  const before = conditions.find(({ type }) => type === condition.type);
  if (before?.status === condition.status && before.reason === condition.reason && isNews !== true) return before;
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return {
    ...condition,
    lastUpdateTime: timestamp(now),
    lastTransitionTime: lastTransitionTime ?? timestamp(now),
  };
}

function progressOf(
  { metadata, spec, status: before }: Deployment,
  counts: Status,
  current: ReplicaSet | undefined,
  now: number,
): Condition | undefined {
  if (!hasDeadline(spec)) return undefined;
  const known = (before.conditions ?? []).find(({ type }) => type === 'Progressing');
  const condition = (status: string, reason: string, message: string, isNews = false): Condition => ({
    ...{ type: 'Progressing', status, reason, message, isNews },
  });
  // checkPausedConditions
  if (spec.paused === true) {
    if (known?.reason === 'ProgressDeadlineExceeded') return known;
    return condition('Unknown', 'DeploymentPaused', 'Deployment is paused');
  }
  if (known?.reason === 'DeploymentPaused') return condition('Unknown', 'DeploymentResumed', 'Deployment is resumed');
  const name = `ReplicaSet "${current?.metadata.name ?? metadata.name}"`;
  const isNewSet = current !== undefined && known?.message?.includes(name) !== true;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = counts;
  const wanted = spec.replicas ?? 1;
  const isComplete = replicas === wanted && updatedReplicas === wanted && availableReplicas === wanted;
  const wasComplete = known?.reason === 'NewReplicaSetAvailable';
  if (wasComplete && replicas === updatedReplicas && !isNewSet) return known;
  if (isComplete) return condition('True', 'NewReplicaSetAvailable', `${name} has successfully progressed.`);
  const hasProgressed =
    updatedReplicas > (before.updatedReplicas ?? 0) ||
    replicas - updatedReplicas < (before.replicas ?? 0) - (before.updatedReplicas ?? 0) ||
    (counts.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    availableReplicas > (before.availableReplicas ?? 0);
  if (hasProgressed) return condition('True', 'ReplicaSetUpdated', `${name} is progressing.`, true);
  if (isNewSet || known === undefined) return condition('True', 'NewReplicaSetCreated', `Created new ${name}`, true);
  if (wasComplete || known.reason === 'ProgressDeadlineExceeded') return known;
  const since = Date.parse(known.lastUpdateTime ?? '');
  if (since + (spec.progressDeadlineSeconds ?? 0) * 1000 >= now) return known;
  return condition('False', 'ProgressDeadlineExceeded', `${name} has timed out progressing.`);
}

/** util.HasProgressDeadline: the largest 32-bit number is none. */
function hasDeadline({ progressDeadlineSeconds }: Deployment['spec']): boolean {
  return progressDeadlineSeconds !== undefined && progressDeadlineSeconds !== 2_147_483_647;
}

/** requeueStuckDeployment: when to look whether it still makes progress; undefined: there is nothing to wait for. */
export function progressCheckMs({ spec, status }: Deployment, now: number): number | undefined {
  const known = (status.conditions ?? []).find(({ type }) => type === 'Progressing');
  if (!hasDeadline(spec) || known === undefined || spec.paused === true) return undefined;
  if (['ProgressDeadlineExceeded', 'NewReplicaSetAvailable'].includes(known.reason ?? '')) return undefined;
  const dueAt = Date.parse(known.lastUpdateTime ?? '') + (spec.progressDeadlineSeconds ?? 0) * 1000;
  return Math.max(0, dueAt - now) + 1_000;
}
