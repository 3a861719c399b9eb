import { withTimeout } from '../lib/clock.ts';
import { Denied, isBug } from '../lib/errors.ts';
import type { DrainCluster, ResponderApi, RespondersEviction, Snapshot } from './cluster.ts';
import type { Plan } from './decision.ts';
import { nameOf, type Pod } from './pod.ts';
import type { DrainScope } from './scope.ts';
import type { DrainState } from './state.ts';

/** Evictions do not wait longer than this to learn whether there is an API for responders. */
const READ_TIMEOUT_MS = 5_000;

/** How long the end of a drain waits until its requests are withdrawn. */
const WITHDRAW_TIMEOUT_MS = 3_000;

/**
 * Asks the responders of pods to end them, and observes what comes of it. Nothing of this fails a drain: whatever goes wrong, the pods
 * are evicted as others are. When the drain ends, the requests for the pods that are still there are withdrawn.
 */
export class ResponderRequests {
  readonly #api: ResponderApi | undefined;
  readonly #state: DrainState;
  readonly #scope: DrainScope;
  /** By UID. */
  readonly #requested = new Map<string, Pod>();
  #isReading = false;
  #snapshot: Snapshot<RespondersEviction> | undefined;
  #isWatching = false;
  #warned = false;

  /** @param mode `policy`: responders are not asked */
  constructor(cluster: DrainCluster, mode: 'auto' | 'policy', state: DrainState, scope: DrainScope) {
    this.#api = mode === 'auto' ? cluster.responders : undefined;
    this.#state = state;
    this.#scope = scope;
    if (this.#api !== undefined) state.responders.api = 'unread';
  }

  /** Reads, requests and watches what the plan needs. */
  follow({ decisions }: Plan): void {
    if (this.#api === undefined) return;
    for (const decision of decisions) {
      if (decision.action === 'request') this.#request(decision.pod, this.#api);
      if (decision.action === 'wait' && decision.reason.kind === 'unread responders') this.#read(this.#api);
    }
  }

  /** Withdraws the requests for the pods that do not terminate. Never rejects. */
  async end(): Promise<void> {
    const api = this.#api;
    const open = this.#state.responders.requested.flatMap((uid) => this.#requested.get(uid) ?? []);
    const left = open.filter((pod) => this.#state.isRunning(pod.uid));
    if (api === undefined || left.length === 0) return;
    const withdraw = (signal: AbortSignal) => Promise.all(left.map((pod) => api.withdraw(pod, signal)));
    try {
      await withTimeout(this.#scope.clock, WITHDRAW_TIMEOUT_MS, withdraw);
    } catch (error) {
      const message = `could not withdraw the EvictionRequests of all ${left.length} pods that remain; their responders may still end them`;
      this.#scope.report({ type: 'warning', message, error });
    }
  }

  #read(api: ResponderApi): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const { clock, signal, spawn, wake } = this.#scope;
    const read = async () => {
      try {
        this.#snapshot = await withTimeout(clock, READ_TIMEOUT_MS, (limited) => api.read(limited), signal);
        if (this.#snapshot !== undefined) this.#sink().replace(this.#snapshot.items);
        this.#state.responders.api = this.#snapshot === undefined ? 'off' : 'served';
      } catch (error) {
        this.#giveUp(error);
      }
    };
    spawn(read().finally(wake));
  }

  #request(pod: Pod, api: ResponderApi): void {
    const { clock, report, signal, spawn, wake } = this.#scope;
    this.#state.responders.request(pod.uid, clock.now());
    this.#requested.set(pod.uid, pod);
    this.#watch(api);
    report({ type: 'eviction requested', pod: nameOf(pod), action: 'request' });
    const send = async () => {
      try {
        await api.request(pod, signal);
      } catch (error) {
        this.#state.responders.failed(pod.uid);
        if (error instanceof Denied) this.#giveUp(error);
        else this.#warn(error);
      }
    };
    spawn(send().finally(wake));
  }

  #watch(api: ResponderApi): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { signal, spawn } = this.#scope;
    spawn(api.observe(this.#snapshot, this.#sink(), signal).catch((error: unknown) => this.#giveUp(error)));
  }

  #sink() {
    return this.#state.responders.sink(this.#scope.clock.now, this.#scope.wake);
  }

  /** @throws the reason of the signal, or a bug */
  #giveUp(error: unknown): void {
    this.#warn(error);
    this.#state.responders.api = 'off';
    this.#scope.wake();
  }

  /** @throws the reason of the signal, or a bug */
  #warn(error: unknown): void {
    const { report, signal } = this.#scope;
    if (signal.aborted) throw signal.reason;
    if (isBug(error)) throw error;
    if (this.#warned) return;
    this.#warned = true;
    const message = 'could not ask the responders of pods by EvictionRequests; evicting these pods as others';
    report({ type: 'warning', message, error });
  }
}
