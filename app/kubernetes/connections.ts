import type { Dispatcher } from 'undici';
import { abortable } from '../lib/abort.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';
import { Failure } from '../lib/errors.ts';
import type { Access, ResolveAccess } from './access.ts';

/** The connections that one access gave. Watches have one of their own: behind fifty answers their events would wait. */
export type Route = { readonly access: Access; readonly calls: Dispatcher; readonly watches: Dispatcher };

/** The source is not asked again sooner than this, whatever is refused: a certificate that stays wrong is no reason to hurry. */
const LEAST_PAUSE_MS = 10_000;
const ANSWER_WITHIN_MS = 60_000;

/**
 * The connections to one API server, made anew by what the source of the access says now: authorities of clusters are replaced,
 * client certificates and kubeconfigs rotated, while a drain takes its hours.
 */
export class Connections {
  readonly server: string;
  readonly #ask: ResolveAccess;
  readonly #clock: Clock;
  /** Of former accesses: what is under way on them comes to its end. */
  readonly #former = new Set<Dispatcher>();
  #current: Route;
  #askedAt: number;
  #asking: Promise<void> | undefined;

  constructor(access: Access, ask: ResolveAccess, clock: Clock) {
    this.server = access.server;
    this.#ask = ask;
    this.#clock = clock;
    this.#current = routeOf(access);
    this.#askedAt = clock.now();
  }

  get current(): Route {
    return this.#current;
  }

  /**
   * Makes the connections anew, once for all whose route was refused at the same time.
   * @returns false when the source was asked just now, and is not asked again yet
   * @throws Failure when the source does not answer, or names another server
   */
  async renew(refused: Route, signal: AbortSignal): Promise<boolean> {
    if (refused !== this.#current) return true;
    if (this.#asking === undefined) {
      if (this.#clock.now() - this.#askedAt < LEAST_PAUSE_MS) return false;
      this.#asking = this.#replace();
      this.#asking.catch(() => undefined); // whoever needs it waits for it below
    }
    await abortable(this.#asking, signal);
    return true;
  }

  async close(): Promise<void> {
    const { calls, watches } = this.#current;
    await Promise.all([calls, watches, ...this.#former].map((dispatcher) => dispatcher.destroy()));
  }

  async #replace(): Promise<void> {
    try {
      const access = await withTimeout(this.#clock, ANSWER_WITHIN_MS, this.#ask);
      if (access.server !== this.server) {
        // An empty list of another cluster would say that the node is drained.
        throw new Failure(`the access now names the server ${access.server}; this drain is of ${this.server}`, {
          advice: 'start the drain again for the cluster at its new address',
        });
      }
      const { calls, watches } = this.#current;
      this.#current = routeOf(access);
      for (const former of [calls, watches]) this.#leave(former);
    } finally {
      this.#askedAt = this.#clock.now();
      this.#asking = undefined;
    }
  }

  #leave(former: Dispatcher): void {
    this.#former.add(former);
    const gone = () => this.#former.delete(former);
    former.close().then(gone, gone);
  }
}

function routeOf(access: Access): Route {
  return { access, calls: access.connect(), watches: access.connect() };
}
