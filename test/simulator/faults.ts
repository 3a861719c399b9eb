/** A request for fault rules. For AWS, `path` is the operation: `autoscaling:RecordLifecycleActionHeartbeat`. */
export type SimulatedRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: string;
};

export type Fault =
  | { kind: 'status'; status: number; body?: string; headers?: Record<string, string> }
  /** Delays the response. */
  | { kind: 'delay'; ms: number }
  /** Sends no response; the connection stays open. */
  | { kind: 'hang' }
  /** Resets the connection (or the HTTP/2 stream) without a response. */
  | { kind: 'reset' }
  /** Sends the headers and half of the body, then resets the connection. */
  | { kind: 'half-body' }
  /** Executes the request, then loses the response. */
  | { kind: 'after'; fault: 'reset' };

/** Faults of the simulated AWS. */
export type AwsFault =
  | Fault
  /** Returns the throttling error of the called service. */
  | { kind: 'throttle' };

/** Faults of the simulated Kubernetes API. */
export type KubernetesFault =
  | Fault
  /**
   * Sends this text instead of the response. In a watch, sends it after `after` events (default: 0); with `end`, closes
   * the watch afterwards.
   */
  | { kind: 'garbage'; text: string; after?: number; end?: boolean }
  /** Adds an unknown field of this many bytes to the response. Not for watches. */
  | { kind: 'padding'; bytes: number };

/** Invalid watch data for faults of the kind `garbage`. */
export const garbage = {
  notJson: '<html>502 Bad Gateway</html>\n',
  unknownType: '{"type":"STRANGE","object":{"kind":"Strange","apiVersion":"v1","metadata":{}}}\n',
  /** Use with `end`. */
  halfLine: '{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","metada',
} as const;

export type FaultRule<F = Fault> = {
  when: (request: SimulatedRequest) => boolean;
  /** Maximum number of hits. Default: unlimited. */
  times?: number;
  /** Hits only each nth matching request. Default: each. */
  every?: number;
  fault: F;
};

type ActiveRule<F> = { rule: FaultRule<F>; seen: number; hits: number };

/** The fault rules of a simulator, in the order of their addition. The first rule that hits a request decides. */
export class Faults<F = Fault> {
  readonly #rules = new Set<ActiveRule<F>>();
  readonly #outages = new Set<symbol>();
  readonly #outageListeners = new Set<() => void>();

  /** Adds a rule. `hits()` returns the number of requests it has hit, also after its removal. */
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

  /** The fault for this request. Each call counts as one request. */
  match(request: SimulatedRequest): F | { kind: 'reset' } | undefined {
    return this.inOutage ? { kind: 'reset' } : this.matchRule(request);
  }

  /** Like `match`, but ignores outages: for requests within the simulated AWS. */
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

  /** Resets every open stream now, and every request until `end()`. */
  outage(): { end(): void } {
    const outage = Symbol('outage');
    this.#outages.add(outage);
    for (const listener of this.#outageListeners) listener();
    return { end: () => void this.#outages.delete(outage) };
  }

  get inOutage(): boolean {
    return this.#outages.size > 0;
  }

  /** For simulators: calls the listener when an outage begins. Returns a function that removes it. */
  onOutage(listener: () => void): () => void {
    this.#outageListeners.add(listener);
    return () => void this.#outageListeners.delete(listener);
  }
}
