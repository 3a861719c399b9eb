import { isDeepStrictEqual } from 'node:util';
import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Condition } from '../model/metadata.ts';
import type { Pod, PodDisruptionBudget } from '../model/objects.ts';
import { keyOf } from '../model/table.ts';
import { budgetMatches, isPodReady } from '../registry/budget.ts';
import { controllerOf, isFinished, isTerminating } from './pods-of.ts';
import { WorkQueue } from './queue.ts';

/** An approved eviction whose pod is still not terminating after this long is counted as failed. */
const DELETION_TIMEOUT_MS = 2 * 60 * 1000;

/** The controller hears of changes through a watch: for this long a client can see budgets that are still to be counted. */
const NOTICE_MS = 5;

/**
 * Keeps the budgets' status.
 * https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/disruption/disruption.go
 */
export function runDisruption(cluster: Cluster): void {
  const { deployments, poddisruptionbudgets, pods, replicasets, statefulsets } = cluster.tables;
  const queue = new WorkQueue(cluster, (key) => {
    const [namespace, name = ''] = key.split('/');
    const found = poddisruptionbudgets.get(namespace, name);
    if (found !== undefined) reconcile(cluster, found);
  });
  const add = ({ metadata }: PodDisruptionBudget): void =>
    queue.addAfter(keyOf(metadata.namespace, metadata.name), NOTICE_MS);
  poddisruptionbudgets.subscribe(({ object }) => add(object));
  pods.subscribe(({ object, previous }) => {
    for (const budget of poddisruptionbudgets.by('namespace', object.metadata.namespace ?? ''))
      if (
        budgetMatches(cluster, budget, object) ||
        (previous !== undefined && budgetMatches(cluster, budget, previous))
      )
        add(budget);
  });
  // The scale of a controller is part of the sum.
  const scaled = ({ object }: { object: { metadata: { namespace?: string } } }): void =>
    poddisruptionbudgets.by('namespace', object.metadata.namespace ?? '').forEach(add);
  for (const table of [deployments, replicasets, statefulsets]) table.subscribe(scaled);
}

function reconcile(cluster: Cluster, budget: PodDisruptionBudget): void {
  const { pods, poddisruptionbudgets } = cluster.tables;
  const matching = pods
    .by('namespace', budget.metadata.namespace ?? '')
    .filter((pod) => budgetMatches(cluster, budget, pod));
  const expectation = expectationOf(cluster, budget, matching);
  const status =
    typeof expectation === 'string'
      ? failed(cluster, budget, expectation)
      : counted(cluster, budget, matching, expectation);
  if (!isDeepStrictEqual(status, budget.status)) poddisruptionbudgets.write({ ...budget, status });
}

type Expectation = { expectedPods: number; desiredHealthy: number };

/** How many pods there should be, and how many of them healthy; or why nobody can tell. */
function expectationOf(cluster: Cluster, { spec }: PodDisruptionBudget, pods: readonly Pod[]): Expectation | string {
  const { minAvailable, maxUnavailable } = spec;
  if (maxUnavailable !== undefined || typeof minAvailable === 'string') {
    const expectedPods = expectedScale(cluster, pods);
    if (typeof expectedPods === 'string') return expectedPods;
    const desiredHealthy =
      maxUnavailable === undefined
        ? portion(minAvailable ?? 0, expectedPods)
        : Math.max(0, expectedPods - portion(maxUnavailable, expectedPods));
    return { expectedPods, desiredHealthy };
  }
  return minAvailable === undefined
    ? { expectedPods: 0, desiredHealthy: 0 }
    : { expectedPods: pods.length, desiredHealthy: minAvailable };
}

/** A number, or a percentage of the total, rounded up. */
function portion(amount: number | string, total: number): number {
  return typeof amount === 'number' ? amount : Math.ceil((Number.parseInt(amount, 10) * total) / 100);
}

/** The sum of the scales of the pods' controllers. A pod without one is an error before 1.22, and overlooked since. */
function expectedScale(cluster: Cluster, pods: readonly Pod[]): number | string {
  const scales = new Map<string, number>();
  for (const pod of pods) {
    const scale = scaleFor(cluster, pod);
    if (scale === undefined && cluster.version === 'v1.20')
      return `found no controllers for pod ${JSON.stringify(pod.metadata.name)}`;
    const kind = scale === undefined ? controllerOf(pod)?.kind : undefined;
    if (kind === 'DaemonSet') return 'daemonsets.apps does not implement the scale subresource';
    if (kind !== undefined) return `found no controllers for pod ${JSON.stringify(pod.metadata.name)}`;
    if (scale !== undefined) scales.set(scale.uid, scale.replicas);
  }
  return [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
}

function scaleFor(cluster: Cluster, pod: Pod): { uid: string; replicas: number } | undefined {
  const owner = controllerOf(pod);
  const { deployments, replicasets, statefulsets } = cluster.tables;
  const { namespace } = pod.metadata;
  if (owner?.kind === 'StatefulSet') return scaleOf(statefulsets.get(namespace, owner.name), owner.uid);
  if (owner?.kind !== 'ReplicaSet') return undefined;
  const set = replicasets.get(namespace, owner.name);
  const parent = set === undefined ? undefined : controllerOf(set);
  return parent?.kind === 'Deployment'
    ? scaleOf(deployments.get(namespace, parent.name), parent.uid)
    : scaleOf(set, owner.uid);
}

function scaleOf(
  owner: { metadata: { uid: string }; spec: { replicas?: number } } | undefined,
  uid: string,
): { uid: string; replicas: number } | undefined {
  return owner?.metadata.uid === uid ? { uid, replicas: owner.spec.replicas ?? 1 } : undefined;
}

type BudgetStatus = PodDisruptionBudget['status'];

function counted(
  cluster: Cluster,
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  { expectedPods, desiredHealthy }: Expectation,
): BudgetStatus {
  const disruptedPods = stillDisrupted(budget, pods);
  const healthy = pods.filter(
    (pod) =>
      !isTerminating(pod) && !isFinished(pod) && isPodReady(pod) && !Object.hasOwn(disruptedPods, pod.metadata.name),
  );
  const currentHealthy = healthy.length;
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const status = {
    observedGeneration: budget.metadata.generation ?? 0,
    ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
    ...{ disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods },
  };
  const reason = disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  const condition = { status: disruptionsAllowed > 0 ? 'True' : 'False', reason, message: '' };
  return withCondition(cluster, budget, status, condition);
}

/** Evictions that were approved, but whose pods this controller has not seen go yet. */
function stillDisrupted({ status }: PodDisruptionBudget, pods: readonly Pod[]): Record<string, string> {
  const waiting = pods
    .filter((pod) => !isTerminating(pod))
    .flatMap(({ metadata: { name } }) => {
      const since = status.disruptedPods?.[name];
      return since === undefined || Date.parse(since) + DELETION_TIMEOUT_MS < Date.now()
        ? []
        : [[name, since] as const];
    });
  return Object.fromEntries(waiting);
}

/** When the controller cannot tell, it allows nothing. */
function failed(cluster: Cluster, budget: PodDisruptionBudget, message: string): BudgetStatus {
  const status = { ...budget.status, disruptionsAllowed: 0 };
  return withCondition(cluster, budget, status, { status: 'False', reason: 'SyncFailed', message });
}

/** The condition DisruptionAllowed, which came with policy/v1. */
function withCondition(
  cluster: Cluster,
  { status: before }: PodDisruptionBudget,
  status: BudgetStatus,
  condition: { status: string; reason: string; message: string },
): BudgetStatus {
  if (cluster.version === 'v1.20') return status;
  const known = (before.conditions ?? []).find(({ type }) => type === 'DisruptionAllowed');
  const lastTransitionTime =
    known?.status === condition.status ? (known.lastTransitionTime ?? timestamp()) : timestamp();
  const observedGeneration = status.observedGeneration ?? 0;
  const next: Condition = { type: 'DisruptionAllowed', ...condition, observedGeneration, lastTransitionTime };
  return { ...status, conditions: [next] };
}
