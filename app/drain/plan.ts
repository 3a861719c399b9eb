import { latestTermination } from '../timeline.ts';
import { BudgetAllowance } from './allowance.ts';
import { type Budget, budgetsOf } from './budget.ts';
import type { Decision, Plan, PlanConditions, SkipReason, WaitReason } from './decision.ts';
import type { ObservedState } from './observed.ts';
import { controllerKeyOf, isFinished, isOfDaemonSet, isTerminating, type Pod } from './pod.ts';
import { respondersTurn } from './responders.ts';
import { isSpread, SpreadAllowance } from './spread.ts';

/** More concurrent evictions gain nothing, and crowd out the API server's other clients. */
export const MAX_IN_FLIGHT = 50;

/** An accepted eviction shows as a deletion timestamp at once; one that has not by now was lost, and is sent again. */
export const ACCEPTED_FOR_MS = 30_000;

/** On a node whose kubelet is dead, a pod this long past its grace period is no longer waited for. */
export const PAST_GRACE_MS = 60_000;

/**
 * How often pods return before they are skipped, which takes about half a minute: no cordon keeps away a pod that tolerates it
 * or names its node, so its service would always be down, and the drain would never end.
 */
export const MAX_RETURNS = 6;

/** After this long without a return, a controller's returns are forgotten. */
export const RETURNS_FORGOTTEN_MS = 600_000;

/**
 * The whole judgement of the drain: what is done about each pod now, and why. What it says is what is done, and what is
 * reported. It depends on nothing but its arguments, so that a missed event, a restart or a second drainer costs time at most.
 */
export function plan(observed: ObservedState, now: number, conditions: PlanConditions): Plan {
  const decisions: Decision[] = [];
  const wakeTimes: number[] = [];
  const decide = ({ wakeAt, ...decision }: Decision & { readonly wakeAt?: number }) => {
    decisions.push(decision);
    if (wakeAt !== undefined) wakeTimes.push(wakeAt);
  };

  const leaving: Pod[] = [];
  const terminating: Pod[] = [];
  for (const pod of fairOrder(observed)) {
    const classification = classify(pod, observed, now, conditions);
    const isSkipped = classification !== 'to evict' && classification.action === 'skip';
    // A pod that terminates already is told of at that instant, too.
    if (!isSkipped && !isDue(pod, now, conditions)) {
      wakeTimes.push(latestTermination(conditions.certainEnd, pod.graceSeconds));
    }
    if (classification === 'to evict') {
      leaving.push(pod);
    } else {
      decide(classification);
      if (classification.action === 'wait') terminating.push(pod);
    }
  }

  const evictable: Pod[] = [];
  let slots = MAX_IN_FLIGHT - [...observed.attempts.values()].filter(({ state }) => state === 'requested').length;
  const countByRank = RANKS.map((rank) => [...leaving, ...terminating].filter((pod) => rankOf(pod) === rank).length);
  const hurries = (pod: Pod) => conditions.force || isDue(pod, now, conditions);
  for (const pod of leaving) {
    const turn = hurries(pod) ? undefined : respondersTurn(pod, observed.responders, now);
    const hold = holdOf(pod, observed, countByRank, now, conditions) ?? turn;
    if (hold === undefined) evictable.push(pod);
    else if (hold !== 'request') decide({ action: 'wait', pod, ...hold });
    else if (slots-- > 0) decide({ action: 'request', pod });
    else decide({ action: 'wait', pod, reason: { kind: 'in-flight limit' } });
  }

  // Only pods that nothing else holds take room under a budget: otherwise their neighbours would wait for room that is free.
  const allowance = new BudgetAllowance(observed);
  const spread = new SpreadAllowance(observed, evictable, hurries);
  // Whose latest instant has come goes first: what room a budget has is worth most to them.
  evictable.sort((a, b) => Number(isDue(b, now, conditions)) - Number(isDue(a, now, conditions)));
  const unread = unreadNamespaces(evictable, observed, conditions);
  const none: ReadonlySet<string> = new Set();
  for (const pod of evictable) {
    const action = urgencyOf(pod, observed, now, conditions);
    const waitsFor = isDue(pod, now, conditions) ? none : unread;
    const hold =
      action === 'as budgets allow'
        ? (budgetHold(pod, observed, allowance, waitsFor, now) ?? spreadHold(pod, observed, spread, now, conditions))
        : undefined;
    if (hold !== undefined) {
      decide({ action: 'wait', pod, ...hold });
    } else if (slots <= 0) {
      decide({ action: 'wait', pod, reason: { kind: 'in-flight limit' } });
    } else {
      slots--;
      if (action !== 'delete') allowance.take(pod, now);
      decide({ action: action === 'delete' ? 'delete' : 'evict', pod });
    }
  }
  const wakeAt = Math.min(...wakeTimes);
  return { decisions, wakeAt: Number.isFinite(wakeAt) ? wakeAt : undefined };
}

/** Is nothing left that the drain evicts or waits for? */
export function isDone({ decisions }: Plan): boolean {
  return decisions.every(({ action }) => action === 'skip');
}

/**
 * Has the latest instant come at which this pod can be asked to end, if it is to have its whole grace period? From then on
 * neither priorities, nor requests not to be disrupted, nor gates hold it back, and budgets do not, either.
 */
export function isDue(pod: Pod, now: number, { certainEnd }: Pick<PlanConditions, 'certainEnd'>): boolean {
  return now >= latestTermination(certainEnd, pod.graceSeconds);
}

const RANKS = [0, 1, 2] as const;

/** Who goes first: ordinary pods, then those that others need to shut down (DNS, CNI), then the pods of DaemonSets. */
export function rankOf(pod: Pod): (typeof RANKS)[number] {
  if (isOfDaemonSet(pod)) return 2;
  return pod.critical ? 1 : 0;
}

/** Pods that were never requested first, then those whose last refusal is longest ago. */
function fairOrder({ pods, attempts }: ObservedState): Pod[] {
  const requestedAt = (pod: Pod) => attempts.get(pod.uid)?.at ?? 0;
  return [...pods].sort((a, b) => requestedAt(a) - requestedAt(b));
}

type Classification = 'to evict' | (Extract<Decision, { action: 'wait' | 'skip' }> & { readonly wakeAt?: number });

/** What a pod is, before anything about its neighbours or budgets is considered. */
function classify(pod: Pod, observed: ObservedState, now: number, conditions: PlanConditions): Classification {
  const skip = (reason: SkipReason): Classification => ({ action: 'skip', pod, reason });
  if (pod.mirror) return skip('mirror');
  if (isOfDaemonSet(pod)) {
    if (conditions.daemonSets === 'skip') return skip('daemonset');
    if (pod.toleratesEverything) return skip('tolerant daemonset');
    if (conditions.daemonSets === 'last' && !isDue(pod, now, conditions)) {
      return {
        action: 'skip',
        pod,
        reason: 'daemonset last',
        wakeAt: latestTermination(conditions.certainEnd, pod.graceSeconds),
      };
    }
  }
  if (isFinished(pod)) return skip('finished');
  if (pod.staysBy !== undefined) return skip('stays');
  if (!isTerminating(pod)) return keepsReturning(pod, observed, now) ? skip('keeps returning') : 'to evict';

  const since = observed.terminatingSince.get(pod.uid) ?? now;
  const wait = { action: 'wait', pod, reason: { kind: 'terminating', since } } as const;
  const finalizerOnly = !pod.running && pod.finalizers.length > 0;
  if (finalizerOnly && observed.skippedBefore.has(pod.uid)) return skip('finalizer only');
  if (conditions.kubeletAlive) {
    if (!finalizerOnly) return wait;
    const wakeAt = (observed.endedSince.get(pod.uid) ?? now) + conditions.finalizerMs;
    return now >= wakeAt ? skip('finalizer only') : { ...wait, wakeAt };
  }
  // No kubelet will report the end of this pod: it is gone and, most likely, the machine with it.
  if (finalizerOnly) return skip('finalizer only');
  const wakeAt = since + (pod.deletion?.graceSeconds ?? 0) * 1000 + PAST_GRACE_MS;
  return now >= wakeAt ? skip('dead kubelet') : { ...wait, wakeAt };
}

function keepsReturning(pod: Pod, { unverified, returns }: ObservedState, now: number): boolean {
  const known = returns.get(controllerKeyOf(pod));
  if (known === undefined || !unverified.has(pod.uid)) return false;
  return known.count >= MAX_RETURNS && now < known.lastAt + RETURNS_FORGOTTEN_MS;
}

/** Why a pod waits; `wakeAt`: when time alone ends that. */
type Hold = { readonly reason: WaitReason; readonly wakeAt?: number };

/** What keeps this pod from being evicted, apart from budgets and the number of evictions in flight. */
function holdOf(
  pod: Pod,
  observed: ObservedState,
  countByRank: readonly number[],
  now: number,
  conditions: PlanConditions,
): Hold | undefined {
  const due = isDue(pod, now, conditions);
  const deleteInstead = conditions.force || (due && conditions.lastResort === 'delete');
  const attempt = attemptHold(pod, observed, deleteInstead, now);
  if (attempt !== undefined) return attempt;
  if (!due && !conditions.force) {
    const courtesy = disruptionHold(pod, now, conditions);
    if (courtesy !== undefined) return courtesy;
    const deployment = observed.surging.get(controllerKeyOf(pod));
    if (deployment !== undefined) return { reason: { kind: 'surge', deployment } };
    if (conditions.gate !== undefined) return { reason: conditions.gate };
    const pods = countByRank.slice(0, rankOf(pod)).reduce((sum, count) => sum + count, 0);
    if (pods > 0) return { reason: { kind: 'priority', pods } };
  }
  if (!observed.unverified.has(pod.uid)) return undefined;
  const notBefore = observed.returns.get(controllerKeyOf(pod))?.notBefore ?? 0;
  if (due || now >= notBefore) return { reason: { kind: 'unverified' } };
  return { reason: { kind: 'returned', until: notBefore }, wakeAt: notBefore };
}

function attemptHold(pod: Pod, observed: ObservedState, deleteInstead: boolean, now: number): Hold | undefined {
  const attempt = observed.attempts.get(pod.uid);
  switch (attempt?.state) {
    case 'requested':
      return { reason: { kind: 'requested' } };
    case 'accepted': {
      const wakeAt = attempt.at + ACCEPTED_FOR_MS;
      return now < wakeAt ? { reason: { kind: 'accepted' }, wakeAt } : undefined;
    }
    case 'refused': {
      const { message, retryAt, cause, by } = attempt;
      if (now >= retryAt || (deleteInstead && cause === 'eviction refused')) return undefined;
      const budgets = by?.kind === 'several budgets' && { budgets: overPod(pod, observed) };
      return { reason: { kind: 'refused', message, cause, ...(by && { by }), ...budgets }, wakeAt: retryAt };
    }
    default:
      return undefined;
  }
}

function disruptionHold({ doNotDisrupt }: Pod, now: number, { doNotDisruptUntil }: PlanConditions): Hold | undefined {
  if (doNotDisrupt === undefined) return undefined;
  const until = Math.min(doNotDisruptUntil, doNotDisrupt.until ?? doNotDisruptUntil);
  if (now >= until) return undefined;
  return { reason: { kind: 'do-not-disrupt', annotation: doNotDisrupt.source, until }, wakeAt: until };
}

/** How a pod that nothing holds is asked to leave. */
function urgencyOf(
  pod: Pod,
  { attempts }: ObservedState,
  now: number,
  conditions: PlanConditions,
): 'as budgets allow' | 'evict' | 'delete' {
  if (conditions.force) return 'delete';
  if (!isDue(pod, now, conditions)) return 'as budgets allow';
  const attempt = attempts.get(pod.uid);
  const isRefused = attempt?.state === 'blocked' || (attempt?.state === 'refused' && attempt.cause !== 'unanswered');
  if (!isRefused) return 'evict';
  return conditions.lastResort === 'delete' ? 'delete' : 'as budgets allow';
}

/** The namespaces in which several evictions are about to be sent without knowing which of them budgets would refuse. */
function unreadNamespaces(
  evictable: readonly Pod[],
  observed: ObservedState,
  { spreadMs }: PlanConditions,
): ReadonlySet<string> {
  const seen = new Set<string>();
  const unread = new Set<string>();
  for (const pod of evictable) {
    const { namespace } = pod;
    // Whether a budget covers a pod decides whether the drain itself has to care for its workload.
    const matters = seen.has(namespace) || (spreadMs > 0 && isSpread(pod, observed));
    if (matters && !observed.budgets.has(namespace)) unread.add(namespace);
    seen.add(namespace);
  }
  return unread;
}

/** What no budget says: a workload keeps most of its pods, for as long as that takes, up to a limit. */
function spreadHold(
  pod: Pod,
  observed: ObservedState,
  allowance: SpreadAllowance,
  now: number,
  conditions: PlanConditions,
): Hold | undefined {
  const { spreadMs } = conditions;
  if (spreadMs === 0 || isDue(pod, now, conditions) || !isSpread(pod, observed)) return undefined;
  if (!observed.workloads.has(controllerKeyOf(pod))) return { reason: { kind: 'unread workload' } };
  const workload = allowance.heldBy(pod);
  const until = (workload?.since ?? 0) + spreadMs;
  if (workload === undefined || now >= until) return undefined;
  return { reason: { kind: 'spread', workload, until }, wakeAt: until };
}

/** All budgets that select the pod, as far as they are known. */
function overPod(pod: Pod, { budgets }: ObservedState): Budget[] {
  return budgetsOf(pod, budgets.get(pod.namespace) ?? []);
}

function budgetHold(
  pod: Pod,
  observed: ObservedState,
  allowance: BudgetAllowance,
  unread: ReadonlySet<string>,
  now: number,
): Hold | undefined {
  if (unread.has(pod.namespace)) return { reason: { kind: 'unread budgets' } };
  const attempt = observed.attempts.get(pod.uid);
  const blocked = allowance.blockedBy(pod, attempt);
  if (blocked === undefined || now >= blocked.until) return undefined;
  const named = attempt?.state === 'blocked' ? attempt.budget : undefined;
  const over = overPod(pod, observed);
  const reason = {
    kind: 'budget',
    budgets: blocked.by,
    ...(over.length > 1 && { over }),
    ...(named !== undefined && { named }),
  } as const;
  return { reason, wakeAt: blocked.until };
}
