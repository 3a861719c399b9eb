import type { RespondersEviction, Sink } from './cluster.ts';
import type { ObservedResponders, Response } from './observed.ts';

type Seen = RespondersEviction & {
  /** When it became this responder's turn. */
  readonly at: number;
  readonly reportedAt?: number;
};

/** What is known of the responders of pods, and of the requests that were made of them. */
export class ResponderState {
  /** Undefined: they are not asked. */
  #api: ObservedResponders['api'] | undefined;
  /** When each request was sent, by the pod's UID. */
  readonly #requestedAt = new Map<string, number>();
  /** UIDs of the pods whose request failed. */
  readonly #failed = new Set<string>();
  /** By UID. */
  readonly #evictions = new Map<string, Seen>();
  /** UIDs of evictions that were over when a pod was requested: they are those of an earlier request. */
  readonly #past = new Set<string>();

  observed(): ObservedResponders | undefined {
    if (this.#api === undefined) return undefined;
    const responses = new Map([...this.#requestedAt].map(([uid, at]) => [uid, this.#responseFor(uid, at)]));
    return { api: this.#api, responses };
  }

  /** Sets what is known of the API. */
  set api(api: ObservedResponders['api']) {
    this.#api = api;
  }

  /** UIDs of the pods for which there is a request. */
  get requested(): readonly string[] {
    return [...this.#requestedAt.keys()].filter((uid) => !this.#failed.has(uid));
  }

  /** A request is sent now. @param uid of the pod */
  request(uid: string, now: number): void {
    this.#requestedAt.set(uid, now);
    for (const { uid: eviction, podUid, isOver } of this.#evictions.values()) {
      if (podUid === uid && isOver) this.#past.add(eviction);
    }
  }

  /** The request was refused, or not answered. @param uid of the pod */
  failed(uid: string): void {
    this.#failed.add(uid);
  }

  /** Receives the changes of the evictions that were requested. */
  sink(now: () => number, changed: () => void): Sink<RespondersEviction> {
    const set = (eviction: RespondersEviction) => {
      const before = this.#evictions.get(eviction.uid);
      const isSame = before?.active?.name === eviction.active?.name;
      const { heartbeat } = eviction.active ?? {};
      const hasReported = heartbeat !== undefined && !(isSame && before?.active?.heartbeat === heartbeat);
      const reportedAt = hasReported ? now() : isSame ? before?.reportedAt : undefined;
      const at = isSame && before !== undefined ? before.at : now();
      this.#evictions.set(eviction.uid, { ...eviction, at, ...(reportedAt !== undefined && { reportedAt }) });
    };
    return {
      replace: (evictions) => {
        const present = new Set(evictions.map(({ uid }) => uid));
        for (const uid of [...this.#evictions.keys()]) if (!present.has(uid)) this.#evictions.delete(uid);
        evictions.forEach(set);
        changed();
      },
      set: (eviction) => {
        set(eviction);
        changed();
      },
      remove: ({ uid }) => {
        this.#evictions.delete(uid);
        changed();
      },
    };
  }

  #responseFor(podUid: string, requestedAt: number): Response {
    if (this.#failed.has(podUid)) return { state: 'over' };
    const evictions = [...this.#evictions.values()].filter((one) => one.podUid === podUid && !this.#past.has(one.uid));
    const current = evictions.find(({ isOver }) => !isOver);
    if (current === undefined)
      return evictions.length > 0 ? { state: 'over' } : { state: 'requested', at: requestedAt };
    const { active, reportedAt } = current;
    if (active === undefined) return { state: 'requested', at: requestedAt };
    const at = Math.max(requestedAt, current.at);
    return { state: 'active', name: active.name, at, ...(reportedAt !== undefined && { reportedAt }) };
  }
}
