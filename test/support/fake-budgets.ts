import { type Budget, budgetsOf, bypassesBudget } from '../../app/drain/budget.ts';
import type { Sink } from '../../app/drain/cluster.ts';
import type { Pod } from '../../app/drain/pod.ts';
import { budget } from './objects.ts';
import { untilAborted } from './until-aborted.ts';

/** Disruption budgets with the status that the API server and its disruption controller keep between them. */
export class FakeBudgets {
  /** Changes are told to nobody. */
  deaf = false;
  /** When watches began and ended: `+shop`, `-shop`. */
  readonly watches: string[] = [];
  readonly #budgets = new Map<string, Budget>();
  readonly #sinks = new Map<Sink<Budget>, string>();

  /** A budget over the pods labelled `app: name` that wants this many of them healthy. */
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

  observe(namespace: string, sink: Sink<Budget>, signal: AbortSignal): Promise<never> {
    this.watches.push(`+${namespace}`);
    this.#sinks.set(sink, namespace);
    if (!this.deaf) sink.replace(this.in(namespace));
    return untilAborted(signal, () => {
      this.watches.push(`-${namespace}`);
      this.#sinks.delete(sink);
    });
  }

  relist(): void {
    for (const [sink, namespace] of this.#sinks) sink.replace(this.in(namespace));
  }

  /** What the eviction API finds over this pod. */
  over(pod: Pod): Budget[] {
    return budgetsOf(pod, this.in(pod.namespace)).filter((budget) => !bypassesBudget(pod, budget));
  }

  /** What the eviction API does to the status when it lets a pod go. */
  take(budget: Budget, pod: Pod): void {
    const counted = new Set([...budget.counted, pod.name]);
    this.#keep({ ...budget, allowed: budget.allowed - 1, counted });
  }

  /** What the disruption controller does when pods have changed. */
  recount(pods: readonly Pod[]): void {
    for (const budget of this.#budgets.values()) {
      const under = pods.filter((pod) => budgetsOf(pod, [budget]).length > 0);
      const healthy = under.filter(({ ready, deletion }) => ready && deletion === undefined).length;
      const allowed = Math.max(0, healthy - budget.desired);
      const same = allowed === budget.allowed && healthy === budget.healthy && budget.counted.size === 0;
      if (!same) this.#keep({ ...budget, healthy, allowed, expected: under.length, counted: new Set() });
    }
  }

  #keep(budget: Budget): void {
    this.#budgets.set(budget.uid, budget);
    if (this.deaf) return;
    for (const [sink, namespace] of this.#sinks) if (namespace === budget.namespace) sink.set(budget);
  }
}
