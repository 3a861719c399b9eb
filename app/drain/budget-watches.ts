import type { Board } from './board.ts';
import type { Budget } from './budget.ts';
import type { DrainCluster, Snapshot } from './cluster.ts';
import type { Inside } from './inside.ts';
import type { Plan } from './plan.ts';

/**
 * Which budgets are looked at. They are read once in a namespace that has several pods to evict, because one read spares
 * all the evictions that would be refused; they are watched where something is blocked, as long as it is.
 */
export class BudgetWatches {
  readonly #cluster: DrainCluster;
  readonly #board: Board;
  readonly #in: Inside;
  readonly #reading = new Set<string>();
  readonly #snapshots = new Map<string, Snapshot<Budget>>();
  readonly #watches = new Map<string, AbortController>();

  constructor(cluster: DrainCluster, board: Board, inside: Inside) {
    this.#cluster = cluster;
    this.#board = board;
    this.#in = inside;
  }

  /** Starts and ends reads and watches as the plan needs them. */
  follow({ verdicts }: Plan): void {
    const toEvict = new Map<string, number>();
    const blocked = new Set<string>();
    for (const verdict of verdicts) {
      const { namespace } = verdict.pod;
      if (verdict.act === 'evict') toEvict.set(namespace, (toEvict.get(namespace) ?? 0) + 1);
      if (verdict.act === 'wait' && verdict.why.kind === 'budget') blocked.add(namespace);
    }
    for (const [namespace, pods] of toEvict) {
      if (pods > 1 && !this.#board.knowsBudgetsOf(namespace)) this.read(namespace);
    }
    for (const namespace of blocked) if (!this.#watches.has(namespace)) this.#watch(namespace);
    for (const [namespace, watch] of this.#watches) {
      if (blocked.has(namespace)) continue;
      this.#watches.delete(namespace);
      watch.abort(new Error(`nothing is blocked in ${namespace} any more`));
    }
  }

  /** May evictions be sent in this namespace, or is it about to be known which would be refused? */
  readyFor(namespace: string): boolean {
    return !this.#reading.has(namespace);
  }

  /** Reads the budgets of a namespace once, for as often as that takes. */
  read(namespace: string): void {
    if (this.#reading.has(namespace)) return;
    this.#reading.add(namespace);
    const { signal, untilItWorks, ring, beside } = this.#in;
    const read = () => this.#cluster.readBudgets(namespace, signal);
    const known = untilItWorks(`read the disruption budgets of ${namespace}`, read)
      .then((snapshot) => {
        this.#snapshots.set(namespace, snapshot);
        this.#sinkOf(namespace).replace(snapshot.items);
      })
      .finally(() => {
        this.#reading.delete(namespace);
        ring();
      });
    beside(known);
  }

  #watch(namespace: string): void {
    const stop = new AbortController();
    this.#watches.set(namespace, stop);
    const from = this.#snapshots.get(namespace);
    this.#snapshots.delete(namespace);
    const signal = AbortSignal.any([this.#in.signal, stop.signal]);
    const watched = this.#cluster
      .observeBudgets(namespace, from, this.#sinkOf(namespace), signal)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
    this.#in.beside(watched);
  }

  #sinkOf(namespace: string) {
    return this.#board.budgetSink(namespace, this.#in.clock.now, this.#in.ring);
  }
}
