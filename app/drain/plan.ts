import { type Budget, budgetsOf, bypassesBudget } from './budget.ts';
import { isFinished, isOfDaemonSet, isTerminating, type Pod } from './pod.ts';

/** What became of the latest request to evict a pod. Times are milliseconds since the epoch. */
export type Attempt =
  | { readonly state: 'asking'; readonly at: number }
  | { readonly state: 'accepted'; readonly at: number }
  /** A budget said no. `budget` is the name that the API gave, if it gave one. */
  | { readonly state: 'blocked'; readonly at: number; readonly budget?: string }
  /** Refused for a reason that somebody may mend, or that passes: tried again at `retryAt`. */
  | { readonly state: 'refused'; readonly at: number; readonly retryAt: number; readonly message: string };

/** Why a pod stays. */
export type LeaveReason = 'daemonset' | 'mirror' | 'finished';

/** Why the drain waits for a pod. */
export type WaitReason =
  | { readonly kind: 'terminating' }
  | { readonly kind: 'asking' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'budget'; readonly budgets: readonly Budget[]; readonly named?: string }
  | { readonly kind: 'refused'; readonly message: string };

export type Verdict =
  | { readonly act: 'leave'; readonly pod: Pod; readonly why: LeaveReason }
  | { readonly act: 'wait'; readonly pod: Pod; readonly why: WaitReason }
  | { readonly act: 'evict'; readonly pod: Pod }
  /** Deleted with its own grace period: only when the deadline has passed and the policy is to force. */
  | { readonly act: 'delete'; readonly pod: Pod };

export type Observed = {
  readonly pods: readonly Pod[];
  readonly attempts: ReadonlyMap<string, Attempt>;
  /** The budgets of a namespace; a namespace whose budgets nobody has read is absent. */
  readonly budgets: ReadonlyMap<string, readonly Budget[]>;
  /** When the API last gave word of a budget, by its UID. */
  readonly asOf: ReadonlyMap<string, number>;
  /** Evictions that were sent and that a budget's status does not count yet, by the budget's UID. */
  readonly uncounted: ReadonlyMap<string, number>;
};

export type Plan = {
  readonly verdicts: readonly Verdict[];
  /** When time alone will change this plan; undefined if only events can. */
  readonly wakeAt: number | undefined;
};

/**
 * Under a budget that refuses, one pod is asked for again this long after the last word on it, whatever its status says:
 * the net under the watch of the budgets.
 */
export const SAFETY_NET_MS = 10_000;

/** An accepted eviction shows as a deletion timestamp at once; one that does not by now was lost, and is sent again. */
export const ACCEPTED_FOR_MS = 30_000;

/**
 * The judgement of the drain: what is to be done about each pod now, and why.
 * It depends on nothing but what is observed, so that a missed event, a restart or a second drainer costs time at most.
 *
 * @param force delete what would otherwise be evicted
 */
export function plan(observed: Observed, now: number, force = false): Plan {
  const rooms = new Rooms(observed);
  const verdicts: Verdict[] = [];
  let wakeAt = Number.POSITIVE_INFINITY;
  const wait = (pod: Pod, why: WaitReason, until: number) => {
    verdicts.push({ act: 'wait', pod, why });
    wakeAt = Math.min(wakeAt, until);
  };

  for (const pod of inTurn(observed)) {
    const attempt = observed.attempts.get(pod.uid);
    const settled = withoutAsking(pod);
    if (settled !== undefined) {
      verdicts.push(settled);
    } else if (attempt?.state === 'asking') {
      wait(pod, { kind: 'asking' }, Number.POSITIVE_INFINITY);
    } else if (attempt?.state === 'accepted' && now < attempt.at + ACCEPTED_FOR_MS) {
      wait(pod, { kind: 'accepted' }, attempt.at + ACCEPTED_FOR_MS);
    } else if (attempt?.state === 'refused' && now < attempt.retryAt) {
      wait(pod, { kind: 'refused', message: attempt.message }, attempt.retryAt);
    } else if (force) {
      verdicts.push({ act: 'delete', pod });
    } else {
      const held = rooms.heldBy(pod, attempt);
      if (held === undefined || held.until <= now) {
        rooms.take(pod, now);
        verdicts.push({ act: 'evict', pod });
      } else {
        const named = attempt?.state === 'blocked' ? attempt.budget : undefined;
        wait(pod, { kind: 'budget', budgets: held.by, ...(named !== undefined && { named }) }, held.until);
      }
    }
  }
  return { verdicts, wakeAt: Number.isFinite(wakeAt) ? wakeAt : undefined };
}

/** Whose turn comes first: pods never asked for, then those whose last refusal is longest ago. */
function inTurn({ pods, attempts }: Observed): Pod[] {
  const asked = (pod: Pod) => attempts.get(pod.uid)?.at ?? 0;
  return [...pods].sort((a, b) => asked(a) - asked(b));
}

function withoutAsking(pod: Pod): Verdict | undefined {
  if (pod.mirror) return { act: 'leave', pod, why: 'mirror' };
  if (isOfDaemonSet(pod)) return { act: 'leave', pod, why: 'daemonset' };
  if (isFinished(pod)) return { act: 'leave', pod, why: 'finished' };
  if (isTerminating(pod)) return { act: 'wait', pod, why: { kind: 'terminating' } };
  return undefined;
}

/** How many more evictions each budget has room for, while the pods of one plan take their turns. */
class Rooms {
  readonly #observed: Observed;
  readonly #room = new Map<string, number>();
  /** When a pod under this budget was last asked for without being accepted. */
  readonly #askedAt = new Map<string, number>();
  readonly #refusedAt = new Map<string, number>();

  constructor(observed: Observed) {
    this.#observed = observed;
    for (const pod of observed.pods) {
      const attempt = observed.attempts.get(pod.uid);
      if (attempt?.state !== 'asking' && attempt?.state !== 'blocked') continue;
      for (const { uid } of this.#budgetsOf(pod)) {
        raise(this.#askedAt, uid, attempt.at);
        if (attempt.state === 'blocked') raise(this.#refusedAt, uid, attempt.at);
      }
    }
  }

  /** The budgets whose status says that the API would refuse this pod now, and until when that is believed. */
  heldBy(pod: Pod, attempt: Attempt | undefined): { by: readonly Budget[]; until: number } | undefined {
    const over = this.#budgetsOf(pod);
    if (over.length === 0) {
      // Nobody knows of a budget over this pod; when the API has refused it all the same, there is one.
      return attempt?.state === 'blocked' ? { by: [], until: attempt.at + SAFETY_NET_MS } : undefined;
    }
    const by = over.filter((budget) => this.#roomOf(budget) <= 0);
    return by.length === 0
      ? undefined
      : { by, until: Math.max(...by.map((budget) => this.#lastWordOn(budget))) + SAFETY_NET_MS };
  }

  take(pod: Pod, now: number): void {
    for (const budget of this.#budgetsOf(pod)) {
      this.#room.set(budget.uid, this.#roomOf(budget) - 1);
      raise(this.#askedAt, budget.uid, now);
    }
  }

  #budgetsOf(pod: Pod): Budget[] {
    const known = this.#observed.budgets.get(pod.namespace) ?? [];
    // A pod that was refused bypasses nothing, whatever the rules of newer servers are.
    const wasRefused = this.#observed.attempts.get(pod.uid)?.state === 'blocked';
    return budgetsOf(pod, known).filter((budget) => wasRefused || !bypassesBudget(pod, budget));
  }

  #roomOf(budget: Budget): number {
    const room = this.#room.get(budget.uid);
    if (room !== undefined) return room;
    // A refusal is younger than a status that was read before it was asked for.
    const outdated = (this.#refusedAt.get(budget.uid) ?? Number.NEGATIVE_INFINITY) >= this.#asOf(budget);
    return outdated ? 0 : budget.allowed - (this.#observed.uncounted.get(budget.uid) ?? 0);
  }

  #lastWordOn(budget: Budget): number {
    return Math.max(this.#asOf(budget), this.#askedAt.get(budget.uid) ?? 0);
  }

  #asOf(budget: Budget): number {
    return this.#observed.asOf.get(budget.uid) ?? 0;
  }
}

function raise(latest: Map<string, number>, key: string, at: number): void {
  latest.set(key, Math.max(latest.get(key) ?? 0, at));
}
