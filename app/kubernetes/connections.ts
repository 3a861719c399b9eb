import type { Dispatcher } from 'undici';
import { abortable } from '../lib/abort.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';
import { Failure } from '../lib/errors.ts';
import type { Access, ResolveAccess } from './access.ts';

/** The connections of one access. Watches have their own: their events must not queue behind fifty responses. */
export type Route = { readonly access: Access; readonly calls: Dispatcher; readonly watches: Dispatcher };

/** Minimum time between two reads of the source: a certificate that stays untrusted must not cause a read per request. */
const MIN_RESOLVE_INTERVAL_MS = 10_000;
const RESOLVE_TIMEOUT_MS = 60_000;

/**
 * The connections to one API server, renewed from the source of the access on demand: during a drain of hours, certificate
 * authorities can be replaced, client certificates and kubeconfigs rotated.
 */
export class Connections {
  readonly server: string;
  readonly #resolveAccess: ResolveAccess;
  readonly #clock: Clock;
  /** Dispatchers of previous accesses, until their pending requests have completed. */
  readonly #closing = new Set<Dispatcher>();
  #current: Route;
  #resolvedAt: number;
  #renewal: Promise<void> | undefined;

  constructor(access: Access, resolveAccess: ResolveAccess, clock: Clock) {
    this.server = access.server;
    this.#resolveAccess = resolveAccess;
    this.#clock = clock;
    this.#current = routeOf(access);
    this.#resolvedAt = clock.now();
  }

  get current(): Route {
    return this.#current;
  }

  /**
   * Replaces the connections, once for all calls whose route was refused at the same time.
   * @returns false when the source was read less than 10 s ago: the current route stays
   * @throws Failure when the source does not respond, or names another server
   */
  async renew(refused: Route, signal: AbortSignal): Promise<boolean> {
    if (refused !== this.#current) return true;
    if (this.#renewal === undefined) {
      if (this.#clock.now() - this.#resolvedAt < MIN_RESOLVE_INTERVAL_MS) return false;
      this.#renewal = this.#replace();
      this.#renewal.catch(() => undefined); // the calls that need it await it below
    }
    await abortable(this.#renewal, signal);
    return true;
  }

  async close(): Promise<void> {
    const { calls, watches } = this.#current;
    await Promise.all([calls, watches, ...this.#closing].map((dispatcher) => dispatcher.destroy()));
  }

  async #replace(): Promise<void> {
    try {
      const access = await withTimeout(this.#clock, RESOLVE_TIMEOUT_MS, this.#resolveAccess);
      if (access.server !== this.server) {
        // An empty list from another cluster would mean that the node is drained.
        throw new Failure(
          `the endpoint of the cluster is now ${access.server}, but this drain started on ${this.server}`,
          {
            advice: 'start a new drain, which uses the new endpoint',
          },
        );
      }
      const { calls, watches } = this.#current;
      this.#current = routeOf(access);
      for (const previous of [calls, watches]) this.#closeWhenIdle(previous);
    } finally {
      this.#resolvedAt = this.#clock.now();
      this.#renewal = undefined;
    }
  }

  #closeWhenIdle(dispatcher: Dispatcher): void {
    this.#closing.add(dispatcher);
    const forget = () => this.#closing.delete(dispatcher);
    dispatcher.close().then(forget, forget);
  }
}

function routeOf(access: Access): Route {
  return { access, calls: access.connect(), watches: access.connect() };
}
