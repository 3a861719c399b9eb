import { retry } from '../context.ts';
import { API_BACKOFF } from '../lib/backoff.ts';
import { withTimeout } from '../lib/clock.ts';
import { isBug } from '../lib/errors.ts';
import type { Budget } from './budget.ts';
import type { BudgetSelection, DrainCluster, Snapshot } from './cluster.ts';
import type { Plan } from './decision.ts';
import type { DrainScope } from './scope.ts';
import type { DrainState } from './state.ts';

/** Evictions do not wait longer than this for budgets: without them, the API still refuses what it must. */
const READ_TIMEOUT_MS = 15_000;

/** `name`: the one budget that is watched; undefined: all of the namespace. */
type BudgetWatch = { readonly name: string | undefined; readonly stop: AbortController };

/**
 * Reads the budgets of a namespace once when several of its pods are to be evicted, because one read spares all the evictions
 * that would be refused; watches them while they block a pod. Budgets that cannot be read stop nothing.
 */
export class BudgetWatches {
  readonly #cluster: DrainCluster;
  readonly #state: DrainState;
  readonly #scope: DrainScope;
  readonly #reading = new Set<string>();
  readonly #named = new Set<string>();
  readonly #snapshots = new Map<string, Snapshot<Budget>>();
  /** By namespace. */
  readonly #watches = new Map<string, BudgetWatch>();
  /** Namespaces whose budgets could not be read, which was reported. */
  readonly #warned = new Set<string>();

  constructor(cluster: DrainCluster, state: DrainState, scope: DrainScope) {
    this.#cluster = cluster;
    this.#state = state;
    this.#scope = scope;
  }

  /** Starts and ends reads and watches as the plan needs them. */
  follow({ decisions }: Plan): void {
    /** The names of the budgets that block a pod, by namespace; undefined: a budget that is not known. */
    const blocking = new Map<string, Set<string | undefined>>();
    for (const decision of decisions) {
      if (decision.action !== 'wait') continue;
      const { pod, reason } = decision;
      if (reason.kind === 'unread budgets') this.#read(pod.namespace);
      if (reason.kind === 'refused' && reason.by?.kind === 'several budgets') this.#readNames(pod.namespace);
      if (reason.kind !== 'budget') continue;
      const names = blocking.get(pod.namespace) ?? new Set();
      for (const { name } of reason.budgets) names.add(name);
      if (reason.budgets.length === 0) names.add(undefined);
      blocking.set(pod.namespace, names);
    }
    for (const [namespace, names] of blocking) this.#watchFor(namespace, names);
    for (const namespace of this.#watches.keys()) if (!blocking.has(namespace)) this.#stop(namespace);
  }

  /** Watches the one budget that blocks pods of a namespace, or all of its budgets where several do. */
  #watchFor(namespace: string, names: ReadonlySet<string | undefined>): void {
    const [name] = names.size === 1 ? names : [];
    const watch = this.#watches.get(namespace);
    if (watch !== undefined && (watch.name === undefined || watch.name === name)) return;
    this.#stop(namespace);
    this.#watch({ namespace, ...(name !== undefined && { name }) });
  }

  #stop(namespace: string): void {
    this.#watches.get(namespace)?.stop.abort(new Error(`this watch of budgets of ${namespace} is no longer needed`));
    this.#watches.delete(namespace);
  }

  /** Reads the budgets of a namespace once, to name those that select the same pod. */
  #readNames(namespace: string): void {
    if (this.#named.has(namespace)) return;
    this.#named.add(namespace);
    this.#read(namespace);
  }

  /** Reads the budgets of a namespace. */
  #read(namespace: string): void {
    if (this.#reading.has(namespace)) return;
    this.#reading.add(namespace);
    const { clock, report, signal, wake, spawn } = this.#scope;
    const what = `read the disruption budgets of ${namespace}`;
    const options = { what, withinMs: READ_TIMEOUT_MS, backoff: API_BACKOFF };
    const read = async () => {
      try {
        const tries = (limited: AbortSignal) =>
          retry(options, () => this.#cluster.readBudgets(namespace, limited), { clock, report, signal: limited });
        const snapshot = await withTimeout(clock, READ_TIMEOUT_MS, tries, signal);
        this.#snapshots.set(namespace, snapshot);
        this.#sinkOf({ namespace }).replace(snapshot.items);
      } catch (error) {
        this.#unreadable(namespace, error);
      }
    };
    const done = () => {
      this.#reading.delete(namespace);
      wake();
    };
    spawn(read().finally(done));
  }

  #watch(which: BudgetSelection): void {
    const { namespace, name } = which;
    const stop = new AbortController();
    this.#watches.set(namespace, { name, stop });
    const from = this.#snapshots.get(namespace);
    this.#snapshots.delete(namespace);
    const signal = AbortSignal.any([this.#scope.signal, stop.signal]);
    const watched = this.#cluster.observeBudgets(which, from, this.#sinkOf(which), signal).catch((error: unknown) => {
      if (!stop.signal.aborted) this.#unreadable(namespace, error);
    });
    this.#scope.spawn(watched);
  }

  /** @throws the reason of the signal, or a bug */
  #unreadable(namespace: string, error: unknown): void {
    const { report, signal } = this.#scope;
    if (signal.aborted) throw signal.reason;
    if (isBug(error)) throw error;
    this.#state.budgetsUnreadable(namespace);
    if (this.#warned.has(namespace)) return;
    this.#warned.add(namespace);
    const message = `could not read the disruption budgets of ${namespace}; evicting without them, the API refuses what it must`;
    report({ type: 'warning', message, error });
  }

  #sinkOf(which: BudgetSelection) {
    return this.#state.budgetSink(which, this.#scope.clock.now, this.#scope.wake);
  }
}
