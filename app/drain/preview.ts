import type { Context } from '../context.ts';
import { withTimeout } from '../lib/clock.ts';
import { isBug } from '../lib/errors.ts';
import type { Timeline } from '../timeline.ts';
import type { DrainCluster } from './cluster.ts';
import type { Decision, PlanConditions } from './decision.ts';
import type { Returns } from './observed.ts';
import { isDone, plan } from './plan.ts';
import { nameOf, type Pod } from './pod.ts';
import { reasonText } from './reasons.ts';
import { DrainState } from './state.ts';

type Scope = { readonly drainDaemonSets: boolean };

const PEER_CHECK_TIMEOUT_MS = 10_000;

/** Reports what a drain would do to every pod now, and which budget would block it. Only reads. */
export async function preview(
  cluster: DrainCluster,
  { doNotDisruptUntil }: Timeline,
  scope: Scope,
  { clock, report, signal }: Context,
): Promise<void> {
  const state = DrainState.of(await cluster.readPods(signal), clock.now);
  const decisions = () =>
    plan(state.observed(clock.now()), clock.now(), conditions(scope, doNotDisruptUntil)).decisions;
  const namespaces = decisions()
    .filter(wouldEvict)
    .map(({ pod }) => pod.namespace);
  for (const namespace of new Set(namespaces)) {
    const { items } = await cluster.readBudgets(namespace, signal);
    state.budgetSink({ namespace }, clock.now, () => undefined).replace(items);
  }
  for (const decision of decisions()) {
    const pod = nameOf(decision.pod);
    if (wouldEvict(decision)) report({ type: 'dry run decision', action: 'evict', pod, reason: 'to be evicted' });
    else report({ type: 'dry run decision', action: decision.action, pod, reason: reasonText(decision, clock.now()) });
  }
}

/** Does the pod wait for nothing but its turn? */
function wouldEvict(decision: Decision): decision is Exclude<Decision, { action: 'skip' }> {
  if (decision.action === 'wait') return /^(unread budgets|in-flight limit)$/.test(decision.reason.kind);
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
    capacityPending: false,
    daemonSets: drainDaemonSets ? 'evict' : 'skip',
    doNotDisruptUntil,
    spreadMs: 0,
    finalizerMs: Number.POSITIVE_INFINITY,
  };
}
