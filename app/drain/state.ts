import { type Backoff, backoffMs } from '../lib/backoff.ts';
import { type Budget, budgetsOf, bypassesBudget } from './budget.ts';
import type { BudgetSelection, Claim, EvictionReply, Sink } from './cluster.ts';
import type { Attempt, ObservedState, Returns } from './observed.ts';
import { isFinished, isTerminating, type Pod } from './pod.ts';
import { ResponderState } from './responder-state.ts';
import { UncountedEvictions } from './uncounted-evictions.ts';
import { WorkloadState } from './workload-state.ts';

/** Between retries of an eviction that was refused for a reason that only time or a person can change. */
const REFUSED_BACKOFF: Backoff = { firstMs: 10_000, maxMs: 60_000 };

/** What an earlier drain of the same node knew at its end. */
export type DrainedBefore = {
  /** By `controllerKeyOf` the pods. */
  readonly returns: ReadonlyMap<string, Returns>;
  /** UIDs of the pods that stayed. */
  readonly skipped: ReadonlySet<string>;
};

/** What is known now: the pods of the node, the budgets over them, and what was requested of the API so far. */
export class DrainState {
  readonly #pods = new Map<string, Pod>();
  readonly #attempts = new Map<string, Attempt>();
  readonly #budgets = new Map<string, Map<string, Budget>>();
  readonly #budgetSeenAt = new Map<string, number>();
  /** The workloads of pods that no budget covers. */
  readonly workloads = new WorkloadState();
  /** By `controllerKeyOf` the pods: the Deployments whose rolling updates replace them now. */
  readonly surging = new Map<string, string>();
  /** The responders of pods, and the requests made of them. */
  readonly responders = new ResponderState();
  readonly #uncounted = new UncountedEvictions();
  readonly #terminatingSince = new Map<string, number>();
  readonly #endedSince = new Map<string, number>();
  /** How often each pod, by UID, was refused for a reason that is not its budget. */
  readonly #refusals = new Map<string, number>();
  readonly #unverified = new Set<string>();
  readonly #returns: Map<string, Returns>;
  readonly #skipped: ReadonlySet<string>;
  readonly #isFirst: boolean;
  readonly #onGone: (pod: Pod, proof: string) => void;
  #listed = false;
  #largestGraceSeconds = 0;

  /** @param before what an earlier drain of this node knew; absent: this is the first one */
  constructor(onGone: (pod: Pod, proof: string) => void, before?: DrainedBefore) {
    this.#onGone = onGone;
    this.#returns = new Map(before?.returns);
    this.#skipped = before?.skipped ?? new Set();
    this.#isFirst = before === undefined;
  }

  /** The state of these pods at one moment. */
  static of(pods: readonly Pod[], now: () => number): DrainState {
    const state = new DrainState(() => undefined);
    state.podSink(now, () => undefined).replace(pods);
    return state;
  }

  observed(now: number): ObservedState {
    const responders = this.responders.observed();
    return {
      ...(responders !== undefined && { responders }),
      pods: [...this.#pods.values()],
      attempts: this.#attempts,
      budgets: new Map([...this.#budgets].map(([namespace, budgets]) => [namespace, [...budgets.values()]])),
      budgetSeenAt: this.#budgetSeenAt,
      uncounted: this.#uncounted.uncounted(now),
      terminatingSince: this.#terminatingSince,
      endedSince: this.#endedSince,
      workloads: this.workloads.observed(),
      surging: this.surging,
      unverified: this.#unverified,
      returns: this.#returns,
      skippedBefore: this.#skipped,
    };
  }

  /** Has the API listed the pods yet? */
  get isListed(): boolean {
    return this.#listed;
  }

  /** Of all pods that were seen on the node. */
  get largestGraceSeconds(): number {
    return this.#largestGraceSeconds;
  }

  /** UIDs of the pods that are on the node now. */
  get uids(): ReadonlySet<string> {
    return new Set(this.#pods.keys());
  }

  /** Is this pod on the node, and not asked to end? */
  isRunning(uid: string): boolean {
    const pod = this.#pods.get(uid);
    return pod !== undefined && !isTerminating(pod) && !isFinished(pod);
  }

  /** The volume claims of the pods that are on the node now, apart from those that have ended: only finalizers may keep them. */
  get claims(): readonly Claim[] {
    const hasEnded = (pod: Pod) => isFinished(pod) || (isTerminating(pod) && !pod.running);
    const pods = [...this.#pods.values()].filter((pod) => !hasEnded(pod));
    return pods.flatMap(({ namespace, claims }) => claims.map((name) => ({ namespace, name })));
  }

  /**
   * Receives the changes of the pods. `changed` is called after each. The pods of the first list were on the node right after
   * it was cordoned by its UID; every later one is unverified.
   */
  podSink(now: () => number, changed: () => void): Sink<Pod> {
    const put = (pod: Pod) => {
      if ((this.#listed || !this.#isFirst) && !this.#pods.has(pod.uid)) this.#unverified.add(pod.uid);
      this.#pods.set(pod.uid, pod);
      this.#largestGraceSeconds = Math.max(this.#largestGraceSeconds, pod.graceSeconds);
      if (!isTerminating(pod)) return;
      if (!this.#terminatingSince.has(pod.uid)) this.#terminatingSince.set(pod.uid, now());
      if (!pod.running && !this.#endedSince.has(pod.uid)) this.#endedSince.set(pod.uid, now());
    };
    return {
      replace: (pods) => {
        const present = new Set(pods.map(({ uid }) => uid));
        for (const pod of [...this.#pods.values()]) if (!present.has(pod.uid)) this.#gone(pod, 'no longer listed');
        for (const pod of pods) put(pod);
        this.#listed = true;
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

  /** Receives the changes of one budget, or of all budgets of a namespace. */
  budgetSink({ namespace, name }: BudgetSelection, now: () => number, changed: () => void): Sink<Budget> {
    const isObserved = (budget: Budget) => name === undefined || budget.name === name;
    const known = () => {
      const budgets = this.#budgets.get(namespace) ?? new Map<string, Budget>();
      this.#budgets.set(namespace, budgets);
      return budgets;
    };
    const set = (budget: Budget) => {
      known().set(budget.uid, budget);
      this.#budgetSeenAt.set(budget.uid, now());
      this.#uncounted.reconcile(budget);
    };
    return {
      replace: (items) => {
        for (const budget of [...known().values()].filter(isObserved)) known().delete(budget.uid);
        for (const budget of items.filter(isObserved)) set(budget);
        changed();
      },
      set: (budget) => {
        set(budget);
        changed();
      },
      remove: ({ uid }) => {
        this.#budgets.get(namespace)?.delete(uid);
        changed();
      },
    };
  }

  /** The node was still the same after these pods had appeared on it. */
  verified(pods: Iterable<Pod>): void {
    for (const { uid } of pods) this.#unverified.delete(uid);
  }

  /** A controller put a pod on the cordoned node. @param controller as `controllerKeyOf` names it */
  returned(controller: string, returns: Returns): void {
    this.#returns.set(controller, returns);
  }

  /** The budgets of this namespace cannot be read: nothing is known of them, and nothing waits for them. */
  budgetsUnreadable(namespace: string): void {
    if (!this.#budgets.has(namespace)) this.#budgets.set(namespace, new Map());
  }

  get returns(): ReadonlyMap<string, Returns> {
    return this.#returns;
  }

  /** An eviction or deletion was sent. */
  requested(pod: Pod, at: number): void {
    this.#attempts.set(pod.uid, { state: 'requested', at });
    const known = [...(this.#budgets.get(pod.namespace)?.values() ?? [])];
    this.#uncounted.reserve(
      budgetsOf(pod, known).filter((budget) => !bypassesBudget(pod, budget)),
      pod,
    );
  }

  /** The API answered the request that was sent at `at`. */
  replied(pod: Pod, how: 'evict' | 'delete', reply: EvictionReply, at: number, now: number): void {
    if (reply.kind === 'accepted') {
      this.#uncounted.accepted(pod, now);
      this.#attempts.set(pod.uid, { state: 'accepted', at: now });
      return;
    }
    this.#uncounted.release(pod);
    switch (reply.kind) {
      case 'gone':
        this.#gone(pod, 'not found');
        break;
      case 'replaced':
        this.#gone(pod, 'its name belongs to another pod now');
        break;
      case 'blocked': {
        const named = reply.budget !== undefined && { budget: reply.budget };
        this.#attempts.set(pod.uid, { state: 'blocked', at, ...named });
        break;
      }
      case 'throttled':
        this.unanswered(pod, 'the API server asked to slow down', now + reply.retryAfterMs, at);
        break;
      case 'refused': {
        const refusals = (this.#refusals.get(pod.uid) ?? 0) + 1;
        this.#refusals.set(pod.uid, refusals);
        const cause = how === 'evict' ? 'eviction refused' : 'deletion refused';
        const retryAt = now + backoffMs(REFUSED_BACKOFF, refusals, 0);
        this.#attempts.set(pod.uid, {
          state: 'refused',
          at,
          retryAt,
          message: reply.message,
          cause,
          ...(reply.by !== undefined && { by: reply.by }),
        });
      }
    }
  }

  /** Nobody judged the request, because the API failed or is busy: it is sent again at `retryAt`. */
  unanswered(pod: Pod, message: string, retryAt: number, at: number): void {
    this.#uncounted.release(pod);
    this.#attempts.set(pod.uid, { state: 'refused', at, retryAt, message, cause: 'unanswered' });
  }

  #gone(pod: Pod, proof: string): void {
    this.#attempts.delete(pod.uid);
    this.#terminatingSince.delete(pod.uid);
    this.#endedSince.delete(pod.uid);
    this.#refusals.delete(pod.uid);
    this.#unverified.delete(pod.uid);
    if (!this.#pods.delete(pod.uid)) return;
    this.#onGone(pod, proof);
  }
}
