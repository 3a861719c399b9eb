import { type Budget, budgetsOf, bypassesBudget } from './budget.ts';
import type { Attempt, ObservedState } from './observed.ts';
import type { Pod } from './pod.ts';

/** Under a budget that refuses, one pod is requested again this long after the last answer: a net below the watch of the budgets. */
export const RECHECK_MS = 10_000;

/** How many more evictions each budget has room for, while one plan decides about pod after pod. */
export class BudgetAllowance {
  readonly #observed: ObservedState;
  readonly #room = new Map<string, number>();
  /** When a pod under this budget was last requested without being accepted. */
  readonly #requestedAt = new Map<string, number>();
  readonly #refusedAt = new Map<string, number>();

  constructor(observed: ObservedState) {
    this.#observed = observed;
    for (const pod of observed.pods) {
      const attempt = observed.attempts.get(pod.uid);
      if (attempt?.state !== 'requested' && attempt?.state !== 'blocked') continue;
      for (const { uid } of this.#budgetsOf(pod)) {
        raise(this.#requestedAt, uid, attempt.at);
        if (attempt.state === 'blocked') raise(this.#refusedAt, uid, attempt.at);
      }
    }
  }

  /**
   * The budgets whose status says that the API would refuse this pod now; undefined: none.
   * @returns `until`: how long that is believed, in milliseconds since the epoch
   */
  blockedBy(pod: Pod, attempt: Attempt | undefined): { by: readonly Budget[]; until: number } | undefined {
    const over = this.#budgetsOf(pod);
    if (over.length === 0) {
      // No known budget selects this pod, but the API has refused it: there is one.
      return attempt?.state === 'blocked' ? { by: [], until: attempt.at + RECHECK_MS } : undefined;
    }
    const by = over.filter((budget) => this.#roomOf(budget) <= 0);
    if (by.length === 0) return undefined;
    return { by, until: Math.max(...by.map((budget) => this.#lastAnswerOn(budget))) + RECHECK_MS };
  }

  /** The pod is evicted by this plan. */
  take(pod: Pod, now: number): void {
    for (const budget of this.#budgetsOf(pod)) {
      this.#room.set(budget.uid, this.#roomOf(budget) - 1);
      raise(this.#requestedAt, budget.uid, now);
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
    // A refusal is younger than a status that was read before the request.
    const outdated = (this.#refusedAt.get(budget.uid) ?? Number.NEGATIVE_INFINITY) >= this.#seenAt(budget);
    return outdated ? 0 : budget.allowed - (this.#observed.uncounted.get(budget.uid) ?? 0);
  }

  #lastAnswerOn(budget: Budget): number {
    return Math.max(this.#seenAt(budget), this.#requestedAt.get(budget.uid) ?? 0);
  }

  #seenAt(budget: Budget): number {
    return this.#observed.budgetSeenAt.get(budget.uid) ?? 0;
  }
}

function raise(latest: Map<string, number>, key: string, at: number): void {
  latest.set(key, Math.max(latest.get(key) ?? 0, at));
}
