import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Condition } from '../model/metadata.ts';
import type { Pod, PodDisruptionBudget } from '../model/objects.ts';
import { isEmptySelector, labelSelectorMatch } from '../model/selector.ts';
import { ApiError, forbidden } from '../model/status.ts';
import type { DeleteOptions } from './deletion.ts';

/** The API refuses evictions when more than this many are not yet processed by the disruption controller. */
const MAX_DISRUPTED_PODS = 2000;

/** Checks that the budget of the pod allows a disruption, and records it in the budget status. */
export function spendBudget(cluster: Cluster, pod: Pod, { dryRun }: DeleteOptions): void {
  const budgets = budgetsOf(cluster, pod);
  const [budget] = budgets;
  if (budget === undefined) return;
  if (budgets.length > 1)
    throw new ApiError(
      500,
      undefined,
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  if (cluster.version !== 'v1.20' && isUnhealthyAndSpare(pod, budget)) return;
  const { name, generation = 0 } = budget.metadata;
  const { status } = budget;
  const { disruptionsAllowed = 0, disruptedPods = {} } = status;
  if ((status.observedGeneration ?? 0) < generation)
    throw refused(
      cluster.version === 'v1.20' ? 0 : 10,
      `The disruption budget ${name} is still being processed by the server.`,
    );
  const resource = { group: 'policy', name: 'poddisruptionbudget' };
  if (disruptionsAllowed < 0) throw forbidden(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED_PODS)
    throw forbidden(resource, name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (disruptionsAllowed === 0) throw refused(0, whyNone(budget));
  if (dryRun === true) return;
  cluster.tables.poddisruptionbudgets.write({
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: disruptionsAllowed - 1,
      disruptedPods: { ...disruptedPods, [pod.metadata.name]: timestamp() },
      ...(disruptionsAllowed === 1 && cluster.version !== 'v1.20'
        ? { conditions: insufficientPods(status.conditions ?? [], generation) }
        : {}),
    },
  } satisfies PodDisruptionBudget);
}

export function isPodReady({ status }: Pod): boolean {
  return (status.conditions ?? []).some(({ type, status: state }) => type === 'Ready' && state === 'True');
}

/** Since 1.22, an unready pod needs no disruption when enough others are healthy. Since 1.26, AlwaysAllow permits every unready pod. */
function isUnhealthyAndSpare(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isPodReady(pod)) return false;
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status;
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

/** https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/component-helpers/apps/poddisruptionbudget/helpers.go */
function insufficientPods(conditions: readonly Condition[], generation: number): Condition[] {
  const before = conditions.find(({ type }) => type === 'DisruptionAllowed');
  const changed = before?.status !== 'False';
  const condition: Condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    observedGeneration: generation,
    lastTransitionTime: changed ? timestamp() : (before.lastTransitionTime ?? timestamp()),
    reason: 'InsufficientPods',
    message: '',
  };
  return [...conditions.filter(({ type }) => type !== 'DisruptionAllowed'), condition];
}

function whyNone({ metadata, status }: PodDisruptionBudget): string {
  const failed = (status.conditions ?? []).find(
    ({ type, status: state, reason }) => type === 'DisruptionAllowed' && state === 'False' && reason === 'SyncFailed',
  );
  if (failed?.message !== undefined && failed.message !== '')
    return `The disruption budget ${metadata.name} does not allow evicting pods currently because it failed sync: ${failed.message}`;
  const { desiredHealthy = 0, currentHealthy = 0 } = status;
  return `The disruption budget ${metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
}

function refused(retryAfterSeconds: number, message: string): ApiError {
  return new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message }],
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
  });
}

/** In policy/v1beta1 an empty selector matches no pod, in policy/v1 every pod of the namespace; a missing one matches none. */
export function budgetMatches(cluster: Cluster, { spec }: PodDisruptionBudget, pod: Pod): boolean {
  if (spec.selector === undefined) return false;
  if (cluster.version === 'v1.20' && isEmptySelector(spec.selector)) return false;
  return labelSelectorMatch(spec.selector)(pod.metadata.labels ?? {});
}

function budgetsOf(cluster: Cluster, pod: Pod): PodDisruptionBudget[] {
  return cluster.tables.poddisruptionbudgets
    .by('namespace', pod.metadata.namespace ?? '')
    .filter((budget) => budgetMatches(cluster, budget, pod));
}
