import { type Budget, budgetsOf, bypassesBudget } from './budget.ts';
import type { Claim, EvictionReply, Sink } from './cluster.ts';
import { Ledger } from './ledger.ts';
import type { Attempt, Observed } from './observed.ts';
import { isFinished, isTerminating, type Pod } from './pod.ts';

/** A refusal that only time or a person can mend is tried again this often. */
const REFUSED_FOR_MS = 10_000;

/** What is known now: the pods of the node, the budgets over them, and what was asked of the API so far. */
export class Board {
  readonly #pods = new Map<string, Pod>();
  readonly #attempts = new Map<string, Attempt>();
  readonly #budgets = new Map<string, Map<string, Budget>>();
  readonly #asOf = new Map<string, number>();
  readonly #ledger = new Ledger();
  readonly #terminatingSince = new Map<string, number>();
  readonly #comingBack = new Set<string>();
  readonly #claims = new Map<string, Claim>();
  readonly #onGone: (pod: Pod, proof: string) => void;
  #listed = false;

  constructor(onGone: (pod: Pod, proof: string) => void) {
    this.#onGone = onGone;
  }

  /** A board that shows these pods, and hears of nothing more. */
  static showing(pods: readonly Pod[], now: () => number): Board {
    const board = new Board(() => undefined);
    board.podSink(now, () => undefined).replace(pods);
    return board;
  }

  observed(now: number): Observed {
    return {
      pods: [...this.#pods.values()],
      attempts: this.#attempts,
      budgets: new Map([...this.#budgets].map(([namespace, budgets]) => [namespace, [...budgets.values()]])),
      asOf: this.#asOf,
      uncounted: this.#ledger.uncounted(now),
      terminatingSince: this.#terminatingSince,
      comingBack: this.#comingBack,
    };
  }

  /** Has the API told yet which pods there are? */
  get isListed(): boolean {
    return this.#listed;
  }

  knowsBudgetsOf(namespace: string): boolean {
    return this.#budgets.has(namespace);
  }

  /** The volume claims of the pods that have gone, but for those that a pod which stays has in use. */
  get claims(): readonly Claim[] {
    const staying = [...this.#pods.values()].filter((pod) => !isFinished(pod));
    const inUse = new Set(staying.flatMap(({ namespace, claims }) => claims.map((name) => `${namespace}/${name}`)));
    return [...this.#claims].filter(([key]) => !inUse.has(key)).map(([, claim]) => claim);
  }

  /** Where the pods' changes go. `changed` is called after each. */
  podSink(now: () => number, changed: () => void): Sink<Pod> {
    const put = (pod: Pod) => {
      this.#pods.set(pod.uid, pod);
      if (isTerminating(pod) && !this.#terminatingSince.has(pod.uid)) this.#terminatingSince.set(pod.uid, now());
    };
    return {
      replace: (pods) => {
        this.#listed = true;
        const present = new Set(pods.map(({ uid }) => uid));
        for (const pod of [...this.#pods.values()]) if (!present.has(pod.uid)) this.#gone(pod, 'no longer listed');
        for (const pod of pods) put(pod);
        changed();
      },
      set: (pod) => {
        put(pod);
        changed();
      },
      remove: (pod) => {
        this.#gone(pod, 'deleted');
        changed();
      },
    };
  }

  /** Where the changes of one namespace's budgets go. */
  budgetSink(namespace: string, now: () => number, changed: () => void): Sink<Budget> {
    const saw = (budgets: Map<string, Budget>, budget: Budget) => {
      budgets.set(budget.uid, budget);
      this.#asOf.set(budget.uid, now());
      this.#ledger.settle(budget);
    };
    return {
      replace: (items) => {
        const budgets = new Map<string, Budget>();
        for (const budget of items) saw(budgets, budget);
        this.#budgets.set(namespace, budgets);
        changed();
      },
      set: (budget) => {
        const budgets = this.#budgets.get(namespace) ?? new Map<string, Budget>();
        saw(budgets, budget);
        this.#budgets.set(namespace, budgets);
        changed();
      },
      remove: ({ uid }) => {
        this.#budgets.get(namespace)?.delete(uid);
        changed();
      },
    };
  }

  /** The pod is sent away no more. */
  comesBack({ uid }: Pod): void {
    this.#comingBack.add(uid);
  }

  /** An eviction or deletion is being sent. */
  asking(pod: Pod, at: number): void {
    this.#attempts.set(pod.uid, { state: 'asking', at });
    const known = [...(this.#budgets.get(pod.namespace)?.values() ?? [])];
    this.#ledger.take(
      budgetsOf(pod, known).filter((budget) => !bypassesBudget(pod, budget)),
      pod,
    );
  }

  /** The API answered what was asked at `at`. */
  answered(pod: Pod, reply: EvictionReply, at: number, now: number): void {
    if (reply.kind === 'accepted') {
      this.#ledger.accepted(pod, now);
      this.#attempts.set(pod.uid, { state: 'accepted', at: now });
      return;
    }
    this.#ledger.giveBack(pod);
    switch (reply.kind) {
      case 'gone':
        this.#gone(pod, 'not found');
        break;
      case 'replaced':
        this.#gone(pod, 'its name belongs to another pod now');
        break;
      case 'blocked':
        this.#attempts.set(pod.uid, {
          state: 'blocked',
          at,
          ...(reply.budget !== undefined && { budget: reply.budget }),
        });
        break;
      case 'throttled':
        this.retryLater(pod, 'the API server asked to slow down', now + reply.retryAfterMs, at);
        break;
      case 'refused':
        this.retryLater(pod, reply.message, now + REFUSED_FOR_MS, at);
        break;
    }
  }

  /** The request failed, or was refused: it will be sent again at `retryAt`. */
  retryLater(pod: Pod, message: string, retryAt: number, at: number): void {
    this.#ledger.giveBack(pod);
    this.#attempts.set(pod.uid, { state: 'refused', at, retryAt, message });
  }

  #gone(pod: Pod, proof: string): void {
    this.#attempts.delete(pod.uid);
    this.#terminatingSince.delete(pod.uid);
    this.#comingBack.delete(pod.uid);
    if (!this.#pods.delete(pod.uid)) return;
    for (const name of pod.claims) this.#claims.set(`${pod.namespace}/${name}`, { namespace: pod.namespace, name });
    this.#onGone(pod, proof);
  }
}
