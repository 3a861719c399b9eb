import { type Budget, budgetsOf, bypassesBudget } from './budget.ts';
import type { Attempt, Observed } from './observed.ts';
import type { Pod } from './pod.ts';

/**
 * Under a budget that refuses, one pod is asked for again this long after the last word on it, whatever its status says:
 * the net under the watch of the budgets.
 */
export const SAFETY_NET_MS = 10_000;

/** How many more evictions each budget has room for, while the pods of one plan take their turns. */
export class Rooms {
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
