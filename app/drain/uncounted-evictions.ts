import type { Budget } from './budget.ts';
import { nameOf, type Pod } from './pod.ts';

/** An accepted eviction is in its budget's status before the answer is sent; this is how late the news of it may come. */
const NEWS_MAY_TAKE_MS = 5_000;

/**
 * What our own evictions took from each budget and its status, as we have seen it, does not show yet.
 * Without it a burst would be sent on the strength of one old status, and all but the first refused.
 */
export class UncountedEvictions {
  /** budget UID → `namespace/name` of the pod → when the entry is given up: never while the answer is awaited. */
  readonly #taken = new Map<string, Map<string, number>>();

  reserve(budgets: readonly Budget[], pod: Pod): void {
    for (const { uid } of budgets) {
      const entries = this.#taken.get(uid) ?? new Map<string, number>();
      this.#taken.set(uid, entries.set(nameOf(pod), Number.POSITIVE_INFINITY));
    }
  }

  /** The eviction was accepted: the status will show it shortly, if it has not. */
  accepted(pod: Pod, now: number): void {
    for (const entries of this.#taken.values()) {
      if (entries.has(nameOf(pod))) entries.set(nameOf(pod), now + NEWS_MAY_TAKE_MS);
    }
  }

  /** The eviction took nothing. */
  release(pod: Pod): void {
    for (const entries of this.#taken.values()) entries.delete(nameOf(pod));
  }

  /** A status was seen: what it counts is no longer ours to remember. */
  reconcile(budget: Budget): void {
    const entries = this.#taken.get(budget.uid);
    for (const name of budget.counted) entries?.delete(nameOf({ namespace: budget.namespace, name }));
  }

  uncounted(now: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [uid, entries] of this.#taken) {
      for (const [name, until] of entries) if (until <= now) entries.delete(name);
      if (entries.size > 0) counts.set(uid, entries.size);
    }
    return counts;
  }
}
