import type { Context } from '../context.ts';
import { withTimeout } from '../lib/clock.ts';
import { isBug } from '../lib/errors.ts';
import type { Timeline } from '../timeline.ts';
import { budgetsOf } from './budget.ts';
import type { DrainCluster } from './cluster.ts';
import type { Decision, PlanConditions } from './decision.ts';
import { holdsOf, NO_HOLDS, reportedHolds } from './holds.ts';
import type { ObservedState, Returns } from './observed.ts';
import { isDone, plan } from './plan.ts';
import { controllerKeyOf, nameOf, type Pod } from './pod.ts';
import { reasonText } from './reasons.ts';
import { DrainState } from './state.ts';

type Scope = { readonly drainDaemonSets: boolean; readonly spreadMs?: number };

const PEER_CHECK_TIMEOUT_MS = 10_000;

/** Reports what a drain would do to every pod now, and what would hold it: which budget or workload, and what ends that. Only reads. */
export async function preview(
  cluster: DrainCluster,
  { doNotDisruptUntil }: Timeline,
  scope: Scope,
  { clock, report, signal }: Context,
): Promise<void> {
  const state = DrainState.of(await cluster.readPods(signal), clock.now);
  const spreadMs = scope.spreadMs ?? 0;
  const foresight = { ...conditions(scope, doNotDisruptUntil), spreadMs };
  const decisions = () => plan(state.observed(clock.now()), clock.now(), foresight).decisions;
  const namespaces = decisions()
    .filter(wouldEvict)
    .map(({ pod }) => pod.namespace);
  for (const namespace of new Set(namespaces)) {
    const { items } = await cluster.readBudgets(namespace, signal);
    state.budgetSink({ namespace }, clock.now, () => undefined).replace(items);
  }
  await readWorkloads(cluster, state, decisions(), { clock, report, signal });
  const now = clock.now();
  const foreseen = decisions().map((decision) => refusedBySeveralBudgets(decision, state.observed(now)) ?? decision);
  const holds = holdsOf({ decisions: foreseen, wakeAt: undefined }, now, NO_HOLDS);
  for (const decision of foreseen) {
    const pod = nameOf(decision.pod);
    const cause = holds.gripOf.get(decision.pod.uid)?.grip.cause;
    if (wouldEvict(decision)) report({ type: 'dry run decision', action: 'evict', pod, reason: 'to be evicted' });
    else {
      const reason = reasonText(decision, now);
      report({ type: 'dry run decision', action: decision.action, pod, reason, ...(cause && { cause }) });
    }
  }
  for (const { describe } of reportedHolds(holds).values()) {
    report({ type: 'pods held', hold: describe(now), heldMs: 0, dryRun: true });
  }
}

/** Reads what keeps the pods that no budget covers. A workload that cannot be read holds nothing, as in a drain. */
async function readWorkloads(
  cluster: DrainCluster,
  state: DrainState,
  decisions: readonly Decision[],
  { clock, report, signal }: Context,
): Promise<void> {
  const read = new Set<string>();
  for (const { pod } of decisions.filter(isUnreadWorkload)) {
    if (read.has(controllerKeyOf(pod))) continue;
    read.add(controllerKeyOf(pod));
    try {
      const workload = await cluster.readWorkload(pod, signal);
      if (workload !== undefined) {
        const { items } = await cluster.readReplicas(workload, signal);
        state.workloads.replicaSink(workload, () => undefined).replace(items);
      }
      state.workloads.read(pod, workload, clock.now());
    } catch (error) {
      if (signal.aborted || isBug(error)) throw error;
      state.workloads.read(pod, undefined, clock.now());
      report({ type: 'warning', message: `could not read the workload of pod ${nameOf(pod)}`, error });
    }
  }
}

function isUnreadWorkload(decision: Decision): boolean {
  return decision.action === 'wait' && decision.reason.kind === 'unread workload';
}

/** A drain asks, and is refused. The API looks at several budgets before it looks at what each allows. */
function refusedBySeveralBudgets(decision: Decision, observed: ObservedState): Decision | undefined {
  const { pod } = decision;
  if (!wouldEvict(decision) || pod.phase === 'Pending') return undefined;
  const budgets = budgetsOf(pod, observed.budgets.get(pod.namespace) ?? []);
  if (budgets.length < 2) return undefined;
  const message = 'more than one budget selects it, which the eviction API does not support';
  return { action: 'wait', pod, reason: { kind: 'refused', message, by: { kind: 'several budgets' }, budgets } };
}

/** Does the pod wait for nothing but its turn? */
function wouldEvict(decision: Decision): decision is Exclude<Decision, { action: 'skip' }> {
  if (decision.action === 'wait')
    return /^(unread budgets|unread workload|in-flight limit)$/.test(decision.reason.kind);
  return decision.action === 'evict' || decision.action === 'delete';
}

/**
 * Would a drain that started now have nothing to wait for? Asked when the action ended during the drain: a peer may have
 * finished first. Only reads, for 10 s at most.
 * @returns false when the API does not answer
 */
export async function checkDrainedByPeer(
  cluster: DrainCluster,
  scope: Scope,
  { clock, signal }: Context,
): Promise<boolean> {
  try {
    const pods = await withTimeout(clock, PEER_CHECK_TIMEOUT_MS, (limited) => cluster.readPods(limited), signal);
    return nothingToDrain(pods, scope, clock.now());
  } catch (error) {
    if (isBug(error) && !signal.aborted) throw error;
    return false;
  }
}

/**
 * Would a drain that started now have nothing to evict or wait for?
 * @param returns controllers whose pods are skipped, because they keep returning
 */
export function nothingToDrain(
  pods: readonly Pod[],
  scope: Scope,
  now: number,
  returns: ReadonlyMap<string, Returns> = new Map(),
): boolean {
  const observed = DrainState.of(pods, () => now).observed(now);
  const unverified = new Set(pods.map(({ uid }) => uid));
  return isDone(plan({ ...observed, unverified, returns }, now, conditions(scope, now)));
}

function conditions({ drainDaemonSets }: Scope, doNotDisruptUntil: number): PlanConditions {
  return {
    force: false,
    certainEnd: undefined,
    lastResort: 'evict',
    kubeletAlive: true,
    gate: undefined,
    daemonSets: drainDaemonSets ? 'evict' : 'skip',
    doNotDisruptUntil,
    spreadMs: 0,
    finalizerMs: Number.POSITIVE_INFINITY,
  };
}
