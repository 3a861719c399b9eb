import { type Budget, budgetsOf, bypassesBudget } from '../../app/drain/budget.ts';
import type { BudgetSelection, Sink } from '../../app/drain/cluster.ts';
import type { Pod } from '../../app/drain/pod.ts';
import { budget } from './objects.ts';
import { untilAborted } from './until-aborted.ts';

/** Disruption budgets with the status that the eviction API and the disruption controller maintain. */
export class FakeBudgets {
  /** Watches report no changes. */
  watchesStalled = false;
  /** The start and end of each watch: `+shop`, `-shop`. */
  readonly watches: string[] = [];
  readonly #budgets = new Map<string, Budget>();
  readonly #sinks = new Map<Sink<Budget>, BudgetSelection>();

  /** Adds a budget for the pods with the label `app: name`. */
  add(name: string, minAvailable: number, more: Partial<Budget> = {}): void {
    const made = budget(name, 0, { desired: minAvailable, ...more });
    this.#budgets.set(made.uid, made);
  }

  in(namespace: string): Budget[] {
    return [...this.#budgets.values()].filter((budget) => budget.namespace === namespace);
  }

  get observers(): number {
    return this.#sinks.size;
  }

  observe(which: BudgetSelection, sink: Sink<Budget>, signal: AbortSignal): Promise<never> {
    const path = [which.namespace, which.name].filter((part) => part !== undefined).join('/');
    this.watches.push(`+${path}`);
    this.#sinks.set(sink, which);
    if (!this.watchesStalled) sink.replace(this.#selected(which));
    return untilAborted(signal, () => {
      this.watches.push(`-${path}`);
      this.#sinks.delete(sink);
    });
  }

  relist(): void {
    for (const [sink, which] of this.#sinks) sink.replace(this.#selected(which));
  }

  #selected({ namespace, name }: BudgetSelection): Budget[] {
    return this.in(namespace).filter((budget) => name === undefined || budget.name === name);
  }

  /** The budgets that the eviction API applies to this pod. */
  applyingTo(pod: Pod): Budget[] {
    return budgetsOf(pod, this.in(pod.namespace)).filter((budget) => !bypassesBudget(pod, budget));
  }

  /** Changes the status as the eviction API does when it accepts an eviction. */
  recordEviction(budget: Budget, pod: Pod): void {
    const counted = new Set([...budget.counted, pod.name]);
    this.#store({ ...budget, allowed: budget.allowed - 1, counted });
  }

  /** Updates the status as the disruption controller does after pods have changed. */
  recount(pods: readonly Pod[]): void {
    for (const budget of this.#budgets.values()) {
      const selected = pods.filter((pod) => budgetsOf(pod, [budget]).length > 0);
      const healthy = selected.filter(({ ready, deletion }) => ready && deletion === undefined).length;
      const allowed = Math.max(0, healthy - budget.desired);
      const same = allowed === budget.allowed && healthy === budget.healthy && budget.counted.size === 0;
      if (!same) this.#store({ ...budget, healthy, allowed, expected: selected.length, counted: new Set() });
    }
  }

  #store(budget: Budget): void {
    this.#budgets.set(budget.uid, budget);
    if (this.watchesStalled) return;
    for (const [sink, which] of this.#sinks) if (this.#selected(which).includes(budget)) sink.set(budget);
  }
}
