import { type Budget, budgetsOf, bypassesBudget } from '../../app/drain/budget.ts';
import type { Pod } from '../../app/drain/pod.ts';
import { budget } from './objects.ts';

/** Disruption budgets with the status that the API server and its disruption controller keep between them. */
export class FakeBudgets {
  readonly #budgets = new Map<string, Budget>();

  /** A budget over the pods labelled `app: name` that wants this many of them healthy. */
  add(name: string, minAvailable: number, more: Partial<Budget> = {}): void {
    const made = budget(name, 0, { desired: minAvailable, ...more });
    this.#budgets.set(made.uid, made);
  }

  in(namespace: string): Budget[] {
    return [...this.#budgets.values()].filter((budget) => budget.namespace === namespace);
  }

  /** What the eviction API finds over this pod. */
  over(pod: Pod): Budget[] {
    return budgetsOf(pod, this.in(pod.namespace)).filter((budget) => !bypassesBudget(pod, budget));
  }

  /** What the eviction API does to the status when it lets a pod go. */
  take(budget: Budget, pod: Pod): Budget {
    const counted = new Set([...budget.counted, pod.name]);
    return this.#keep({ ...budget, allowed: budget.allowed - 1, counted });
  }

  /** What the disruption controller does when pods have changed. Returns the budgets whose status did, too. */
  recount(pods: readonly Pod[]): Budget[] {
    const changed: Budget[] = [];
    for (const budget of this.#budgets.values()) {
      const under = pods.filter((pod) => budgetsOf(pod, [budget]).length > 0);
      const healthy = under.filter(({ ready, deletion }) => ready && deletion === undefined).length;
      const allowed = Math.max(0, healthy - budget.desired);
      const same = allowed === budget.allowed && healthy === budget.healthy && budget.counted.size === 0;
      if (!same) changed.push(this.#keep({ ...budget, healthy, allowed, expected: under.length, counted: new Set() }));
    }
    return changed;
  }

  #keep(budget: Budget): Budget {
    this.#budgets.set(budget.uid, budget);
    return budget;
  }
}
