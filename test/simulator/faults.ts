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

export type FaultRule = {
  when: (request: SimulatedRequest) => boolean;
  /** How often the fault happens before the rule is spent. Default: for ever. */
  times?: number;
  /** Only each nth matching request is hit. Default: each one. */
  every?: number;
  fault: Fault;
};

type ActiveRule = { rule: FaultRule; seen: number; hits: number };

/** The faults that a simulator is to show, in the order in which they were added. The first rule that fires decides. */
export class Faults {
  readonly #rules = new Set<ActiveRule>();
  readonly #outages = new Set<symbol>();
  readonly #outageListeners = new Set<() => void>();

  /** Adds a rule; `hits()` tells how many requests it has hit, even after it was removed or spent. */
  add(rule: FaultRule): { remove(): void; hits(): number } {
    const active: ActiveRule = { rule, seen: 0, hits: 0 };
    this.#rules.add(active);
    return { remove: () => void this.#rules.delete(active), hits: () => active.hits };
  }

  /** Removes every rule and ends every outage. */
  clear(): void {
    this.#rules.clear();
    this.#outages.clear();
  }

  /** The fault that this request is to meet. Each call counts as one request. */
  match(request: SimulatedRequest): Fault | undefined {
    if (this.inOutage) return { kind: 'reset' };
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
