import type { Context } from '../context.ts';
import type { Timeline } from '../timeline.ts';
import { BudgetWatches } from './budget-watches.ts';
import { type Claim, type DrainCluster, NodeGone } from './cluster.ts';
import type { Plan, PlanConditions } from './decision.ts';
import { Evictor } from './evictor.ts';
import { type Gate, Gates } from './gate.ts';
import { LatePods } from './late-pods.ts';
import { NodeWatch } from './node-watch.ts';
import { isDone, isDue, plan } from './plan.ts';
import { nameOf, type Pod } from './pod.ts';
import { Progress } from './progress.ts';
import { ResponderRequests } from './responder-requests.ts';
import { DrainScope, Once } from './scope.ts';
import { type DrainedBefore, DrainState } from './state.ts';
import { Surges } from './surges.ts';
import { WorkloadWatches } from './workload-watches.ts';

export type DrainOptions = {
  readonly timeline: Timeline;
  /** At the drain's deadline: end with what is left, or delete it and continue. */
  readonly onDeadline: 'continue' | 'abandon' | 'force';
  /** For a pod whose latest instant to end has come, and whose eviction is refused. */
  readonly lastResort: 'delete' | 'evict';
  /** `last`: only when their latest instant has come; the caller drains them later. */
  readonly daemonSets: 'skip' | 'last' | 'evict';
  readonly finalizerMs: number;
  /** How long a pod that no budget covers waits until others of its workload are ready; 0: it does not. */
  readonly spreadMs: number;
  /** `blocked`: Deployments whose budgets can never allow an eviction are restarted by their rolling updates. */
  readonly surge: 'off' | 'blocked';
  /** `auto`: the responders of pods are asked first, where the API server knows of them. Absent: policy. */
  readonly evictionApi?: 'auto' | 'policy';
  /** What evictions wait for, in this order. */
  readonly gates?: readonly Gate[];
  /** Called once when nothing remains but pods that are terminating or that cannot wait any longer. */
  readonly onLastResort?: (context: Context) => Promise<void>;
  /** An earlier drain of this node by this task. */
  readonly before?: DrainedBefore;
};

export type DrainResult = DrainedBefore & {
  readonly kind: 'drained' | 'deadline';
  /** The volume claims of the pods that stay. */
  readonly stayingClaims: readonly Claim[];
  /** `status.volumesInUse` of the node. */
  readonly volumesInUse: readonly string[];
  /** When the first pod of a DaemonSet that is ended last has to be asked to end; undefined: none has to. */
  readonly daemonSetsDueAt: number | undefined;
  readonly kubeletAlive: boolean;
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
 * - Every pod is asked to end in time to have its whole grace period before the instance ends.
 *
 * @throws the signal's reason, NodeGone, Denied when the API forbids what it needs, and every other error that is not transient
 */
export async function drain(cluster: DrainCluster, options: DrainOptions, context: Context): Promise<DrainResult> {
  const { timeline, onDeadline } = options;
  const { deadlineAt = Number.POSITIVE_INFINITY, certainEnd } = timeline;
  const scope = new DrainScope(context);
  const { clock, report, signal } = scope;
  const state = new DrainState((pod, reason) => report({ type: 'pod gone', pod: nameOf(pod), reason }), options.before);
  const budgets = new BudgetWatches(cluster, state, scope);
  const workloads = new WorkloadWatches(cluster, state, scope);
  const surges = options.surge === 'blocked' ? new Surges(cluster, state, scope, timeline.drainStartedAt) : undefined;
  const responders = new ResponderRequests(cluster, options.evictionApi ?? 'policy', state, scope);
  const evictor = new Evictor(cluster, state, scope);
  const latePods = new LatePods(cluster, state, scope);
  const progress = new Progress(report, clock.now(), timeline);
  const node = new NodeWatch(cluster, scope);
  const gates = new Gates(scope, options.gates ?? []);
  const exclusion = new Once(scope, options.onLastResort);
  const quietAt = clock.now() + QUIET_MS;

  const conditionsAt = (now: number): PlanConditions => ({
    force: onDeadline === 'force' && now >= deadlineAt,
    certainEnd,
    lastResort: options.lastResort,
    kubeletAlive: now < node.deadAt,
    gate: gates.look(),
    daemonSets: options.daemonSets,
    doNotDisruptUntil: timeline.doNotDisruptUntil,
    finalizerMs: options.finalizerMs,
    spreadMs: options.spreadMs,
  });
  const planAt = (now: number, conditions = conditionsAt(now)) => plan(state.observed(now), now, conditions);
  const result = (kind: DrainResult['kind']): DrainResult => ({
    kind,
    stayingClaims: state.claims,
    volumesInUse: node.volumesInUse,
    // When nothing is left to drain, only a pod of a DaemonSet that becomes due changes the plan.
    daemonSetsDueAt: planAt(clock.now()).wakeAt,
    kubeletAlive: clock.now() < node.deadAt,
    returns: state.returns,
    skipped: state.uids,
  });
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
      const current = planAt(now);
      // Before the first list it is unknown what is left, and nothing can be requested.
      if (certainEnd !== undefined && state.isListed) {
        const isPodDue = (pod: Pod) => isDue(pod, now, { certainEnd });
        if (current.decisions.some(({ action, pod }) => action !== 'skip' && isPodDue(pod))) {
          const unhurried = planAt(now, { ...conditionsAt(now), certainEnd: undefined });
          progress.lastResort(unhurried, isPodDue, certainEnd.at, now);
          if (onlyDueRemain(current, isPodDue)) exclusion.start();
        }
      }
      progress.report(current, state.isListed, now);
      if (now >= deadlineAt) {
        progress.deadline(current, onDeadline, now);
        if (onDeadline !== 'force') return result('deadline');
      }

      budgets.follow(current);
      workloads.follow(current);
      surges?.follow(current, (pod) => isDue(pod, now, { certainEnd }));
      responders.follow(current);
      latePods.follow(current);
      for (const { action, pod } of current.decisions) {
        if (action === 'evict' || action === 'delete') evictor.send(pod, action);
      }
      if (isDone(current) && state.isListed && now >= quietAt && (await confirmEmpty())) return result('drained');

      const times = [progress.nextAt, current.wakeAt, deadlineAt, node.deadAt, quietAt];
      await scope.nextWake(Math.min(...times.filter((time): time is number => time !== undefined && time > now)));
    }
  } catch (error) {
    throw error instanceof NodeGone ? new NodeGone(error.message, state.largestGraceSeconds) : error;
  } finally {
    progress.end(clock.now());
    await scope.end();
    await responders.end();
  }
}

/** Does nothing remain but pods that are terminating, or whose latest instant to end has come? */
function onlyDueRemain({ decisions }: Plan, isPodDue: (pod: Pod) => boolean): boolean {
  return decisions.every(
    (decision) =>
      decision.action === 'skip' ||
      (decision.action === 'wait' && decision.reason.kind === 'terminating') ||
      isPodDue(decision.pod),
  );
}
