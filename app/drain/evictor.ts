import type { Report } from '../events.ts';
import { API_BACKOFF, backoffMs } from '../lib/backoff.ts';
import { explain, isTransient } from '../lib/errors.ts';
import type { DrainCluster, EvictionReply } from './cluster.ts';
import { nameOf, type Pod } from './pod.ts';
import type { DrainScope } from './scope.ts';
import type { DrainState } from './state.ts';

/** Sends evictions and deletions, and records the answers in the drain's state. */
export class Evictor {
  readonly #cluster: DrainCluster;
  readonly #state: DrainState;
  readonly #scope: DrainScope;
  readonly #failures = new Map<string, number>();

  constructor(cluster: DrainCluster, state: DrainState, scope: DrainScope) {
    this.#cluster = cluster;
    this.#state = state;
    this.#scope = scope;
  }

  /** Requests one pod to leave. A transient error is retried by a later plan; every other error ends the drain. */
  send(pod: Pod, how: 'evict' | 'delete'): void {
    this.#scope.spawn(this.#sendOnce(pod, how).finally(this.#scope.wake));
  }

  async #sendOnce(pod: Pod, how: 'evict' | 'delete'): Promise<void> {
    const { clock, report, signal } = this.#scope;
    const at = clock.now();
    this.#state.requested(pod, at);
    report({ type: 'eviction requested', pod: nameOf(pod), action: how });
    try {
      const reply = await (how === 'evict' ? this.#cluster.evict(pod, signal) : this.#cluster.delete(pod, signal));
      this.#failures.delete(pod.uid);
      this.#state.replied(pod, how, reply, at, clock.now());
      reportReply(report, pod, reply);
    } catch (error) {
      if (signal.aborted || !isTransient(error)) throw error;
      const failures = (this.#failures.get(pod.uid) ?? 0) + 1;
      this.#failures.set(pod.uid, failures);
      const pauseMs = Math.max(backoffMs(API_BACKOFF, failures), error.retryAfterMs ?? 0);
      // The error becomes the reason for which the pod waits: it is reported once, not for each retry of each pod.
      this.#state.unanswered(pod, explain(error), clock.now() + pauseMs, at);
    }
  }
}

function reportReply(report: Report, pod: Pod, reply: EvictionReply): void {
  if (reply.kind === 'accepted') report({ type: 'eviction accepted', pod: nameOf(pod) });
  if (reply.kind === 'throttled') report({ type: 'throttled', pauseMs: reply.retryAfterMs });
}
