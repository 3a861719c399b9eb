import type { Context } from '../context.ts';
import type { Timeline } from '../timeline.ts';
import { BudgetWatches } from './budget-watches.ts';
import type { Claim, DrainCluster } from './cluster.ts';
import { Evictor } from './evictor.ts';
import { LatePods } from './late-pods.ts';
import { NodeWatch } from './node-watch.ts';
import { isDone, type PlanConditions, plan } from './plan.ts';
import { nameOf } from './pod.ts';
import { Progress } from './progress.ts';
import { DrainScope } from './scope.ts';
import { DrainState } from './state.ts';

export type DrainOptions = {
  readonly timeline: Timeline;
  /** At the drain's deadline: end with what is left, or delete it and continue. */
  readonly onDeadline: 'continue' | 'abandon' | 'force';
  readonly drainDaemonSets: boolean;
};

export type DrainResult = {
  readonly kind: 'drained' | 'deadline';
  /** The volume claims of the pods that left. */
  readonly claims: readonly Claim[];
  readonly nodeReady: boolean;
};

/** A pod that was scheduled before the cordon may still be bound to the node: an empty one is not believed sooner. */
const QUIET_MS = 1_000;

/**
 * Drains a cordoned node: evicts every pod except those of DaemonSets, static pods and finished pods, and waits until the API
 * shows that they are gone. Where it differs from `kubectl drain`, and why:
 *
 * - It looks at the state again and again, and acts on it (plan.ts). kubectl lists once and follows each pod on its own, so it
 *   misses pods that appear later.
 * - It evicts a pod whose budget refuses the moment the budget's status allows it, not every 5 seconds.
 * - A pod is gone when its UID is: a StatefulSet pod that returned under its name is another pod.
 * - No outage of the API ends it.
 *
 * @throws the signal's reason, NodeGone, Denied when the API forbids what it needs, and every other error that is not transient
 */
export async function drain(cluster: DrainCluster, options: DrainOptions, context: Context): Promise<DrainResult> {
  const { timeline, onDeadline, drainDaemonSets } = options;
  const { doNotDisruptUntil, deadlineAt = Number.POSITIVE_INFINITY, action } = timeline;
  const scope = new DrainScope(context);
  const { clock, report, signal } = scope;
  const state = new DrainState((pod, reason) => report({ type: 'pod gone', pod: nameOf(pod), reason }));
  const budgets = new BudgetWatches(cluster, state, scope);
  const evictor = new Evictor(cluster, state, scope);
  const latePods = new LatePods(cluster, state, scope);
  const progress = new Progress(report, clock.now(), timeline);
  const node = new NodeWatch(cluster, scope);
  const quietAt = clock.now() + QUIET_MS;

  // Before the first list nobody knows what is left, and nothing can be requested.
  const lastResortAt = () => (state.isListed && action ? action.lastResortAt : Number.POSITIVE_INFINITY);
  const conditionsAt = (now: number): PlanConditions => ({
    force: onDeadline === 'force' && now >= deadlineAt,
    lastResort: now >= lastResortAt(),
    nodeReady: node.isReady,
    drainDaemonSets,
    doNotDisruptUntil,
  });
  const planAt = (now: number, conditions = conditionsAt(now)) => plan(state.observed(now), now, conditions);
  const result = (kind: DrainResult['kind']) => ({ kind, claims: state.claims, nodeReady: node.isReady });
  /** Asks the API itself, not a cache of it. */
  const confirmEmpty = async () => {
    const pods = await scope.retryForever('confirm that the node is empty', () => cluster.readPods(signal));
    state.podSink(clock.now, scope.wake).replace(pods);
    return isDone(planAt(clock.now()));
  };

  try {
    scope.spawn(cluster.observePods(state.podSink(clock.now, scope.wake), signal));
    for (;;) {
      const now = clock.now();
      if (action && now >= lastResortAt()) {
        progress.lastResort(() => planAt(now, { ...conditionsAt(now), lastResort: false }), action.endsAt, now);
      }
      const current = planAt(now);
      progress.report(current, state.isListed, now);
      if (now >= deadlineAt) {
        progress.deadline(current, onDeadline, now);
        if (onDeadline !== 'force') return result('deadline');
      }

      budgets.follow(current);
      latePods.follow(current);
      for (const { action, pod } of current.decisions) {
        if (action === 'evict' || action === 'delete') evictor.send(pod, action);
      }
      if (isDone(current) && state.isListed && now >= quietAt && (await confirmEmpty())) return result('drained');

      const times = [progress.nextAt, current.wakeAt, deadlineAt, lastResortAt(), quietAt];
      await scope.nextWake(Math.min(...times.filter((time): time is number => time !== undefined && time > now)));
    }
  } finally {
    await scope.end();
  }
}
