/** One request as a fault rule sees it. For AWS, `path` is the operation: `autoscaling:RecordLifecycleActionHeartbeat`. */
export type SimulatedRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: string;
};

export type Fault =
  | { kind: 'status'; status: number; body?: string; headers?: Record<string, string> }
  /** Answers as usual, but later. */
  | { kind: 'delay'; ms: number }
  /** Never answers; the connection stays open. */
  | { kind: 'hang' }
  /** Destroys the connection (or the HTTP/2 stream) without an answer. */
  | { kind: 'reset' }
  /** Sends the head and half of the real body, then destroys the connection. */
  | { kind: 'half-body' }
  /** Does the work, then loses the answer. */
  | { kind: 'after'; fault: 'reset' };

/** What only the simulated AWS shows. */
export type AwsFault =
  | Fault
  /** Refuses as the called service does to those who ask too often, in its protocol and its words. */
  | { kind: 'throttle' };

/** What only the simulated Kubernetes shows. */
export type KubernetesFault =
  | Fault
  /**
   * Sends this text instead of the answer. A watch is opened all the same, and tells `after` events (default: 0) before
   * the text comes; with `end` it is then over.
   */
  | { kind: 'garbage'; text: string; after?: number; end?: boolean }
  /** Answers as usual, with this many bytes more in a field that nobody knows. Objects only, no watches. */
  | { kind: 'padding'; bytes: number };

/** Bytes that no watch ought to send: for faults of the kind `garbage`. */
export const garbage = {
  notJson: '<html>502 Bad Gateway</html>\n',
  unknownType: '{"type":"STRANGE","object":{"kind":"Strange","apiVersion":"v1","metadata":{}}}\n',
  /** To be used with `end`. */
  halfLine: '{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","metada',
} as const;

export type FaultRule<F = Fault> = {
  when: (request: SimulatedRequest) => boolean;
  /** How often the fault happens before the rule is spent. Default: for ever. */
  times?: number;
  /** Only each nth matching request is hit. Default: each one. */
  every?: number;
  fault: F;
};

type ActiveRule<F> = { rule: FaultRule<F>; seen: number; hits: number };

/** The faults that a simulator is to show, in the order in which they were added. The first rule that fires decides. */
export class Faults<F = Fault> {
  readonly #rules = new Set<ActiveRule<F>>();
  readonly #outages = new Set<symbol>();
  readonly #outageListeners = new Set<() => void>();

  /** Adds a rule; `hits()` tells how many requests it has hit, even after it was removed or spent. */
  add(rule: FaultRule<F>): { remove(): void; hits(): number } {
    const active: ActiveRule<F> = { rule, seen: 0, hits: 0 };
    this.#rules.add(active);
    return { remove: () => void this.#rules.delete(active), hits: () => active.hits };
  }

  /** Removes every rule and ends every outage. */
  clear(): void {
    this.#rules.clear();
    this.#outages.clear();
  }

  /** The fault that this request is to meet. Each call counts as one request. */
  match(request: SimulatedRequest): F | { kind: 'reset' } | undefined {
    return this.inOutage ? { kind: 'reset' } : this.matchRule(request);
  }

  /** The same for a request that an outage between client and server does not concern. */
  matchRule(request: SimulatedRequest): F | undefined {
    for (const active of this.#rules) {
      const { rule } = active;
      if (active.hits >= (rule.times ?? Number.POSITIVE_INFINITY) || !rule.when(request)) continue;
      active.seen += 1;
      if (active.seen % (rule.every ?? 1) !== 0) continue;
      active.hits += 1;
      return rule.fault;
    }
    return undefined;
  }

  /** From now until `end()`, every request is reset; every open stream is reset now. */
  outage(): { end(): void } {
    const outage = Symbol('outage');
    this.#outages.add(outage);
    for (const listener of this.#outageListeners) listener();
    return { end: () => void this.#outages.delete(outage) };
  }

  get inOutage(): boolean {
    return this.#outages.size > 0;
  }

  /** For simulators: called whenever an outage begins, to reset what is open. Answers how to stop listening. */
  onOutage(listener: () => void): () => void {
    this.#outageListeners.add(listener);
    return () => void this.#outageListeners.delete(listener);
  }
}
