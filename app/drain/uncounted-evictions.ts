import type { Budget } from './budget.ts';
import { nameOf, type Pod } from './pod.ts';

/** The API server counts an eviction in the budget's status before it responds; the watch may show that this much later. */
const WATCH_DELAY_MS = 5_000;

/**
 * Our own evictions that the status of each budget, as last seen, does not count yet. Without them, one old status would allow a
 * burst of evictions, of which all but the first are refused.
 */
export class UncountedEvictions {
  /** budget UID → `namespace/name` of the pod → when the entry expires: never while the eviction is in flight. */
  readonly #reserved = new Map<string, Map<string, number>>();

  reserve(budgets: readonly Budget[], pod: Pod): void {
    for (const { uid } of budgets) {
      const entries = this.#reserved.get(uid) ?? new Map<string, number>();
      this.#reserved.set(uid, entries.set(nameOf(pod), Number.POSITIVE_INFINITY));
    }
  }

  /** The eviction was accepted: the status shows it already, or soon. */
  accepted(pod: Pod, now: number): void {
    for (const entries of this.#reserved.values()) {
      if (entries.has(nameOf(pod))) entries.set(nameOf(pod), now + WATCH_DELAY_MS);
    }
  }

  /** The eviction was not accepted. */
  release(pod: Pod): void {
    for (const entries of this.#reserved.values()) entries.delete(nameOf(pod));
  }

  /** Forgets what this status counts. */
  reconcile(budget: Budget): void {
    const entries = this.#reserved.get(budget.uid);
    for (const name of budget.counted) entries?.delete(nameOf({ namespace: budget.namespace, name }));
  }

  uncounted(now: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [uid, entries] of this.#reserved) {
      for (const [name, until] of entries) if (until <= now) entries.delete(name);
      if (entries.size > 0) counts.set(uid, entries.size);
    }
    return counts;
  }
}
