import { API_BACKOFF, pauseMs } from '../backoff.ts';
import { Denied, explain } from '../failure.ts';
import type { Report } from '../report/event.ts';
import type { Board } from './board.ts';
import type { DrainCluster, EvictionReply } from './cluster.ts';
import type { Inside } from './inside.ts';
import { nameOf, type Pod } from './pod.ts';

/** More at a time gain nothing, and crowd out the API server's other clients. */
const MOST_IN_FLIGHT = 50;

/** Sends evictions (or deletions), and writes on the board what came of them. */
export class Evictor {
  readonly #cluster: DrainCluster;
  readonly #board: Board;
  readonly #in: Inside;
  readonly #failures = new Map<string, number>();
  #inFlight = 0;

  constructor(cluster: DrainCluster, board: Board, inside: Inside) {
    this.#cluster = cluster;
    this.#board = board;
    this.#in = inside;
  }

  get isFull(): boolean {
    return this.#inFlight >= MOST_IN_FLIGHT;
  }

  /** Asks for one pod. The answer, whatever it is, shows on the board; being denied ends the drain. */
  ask(pod: Pod, how: 'evict' | 'delete'): void {
    this.#inFlight++;
    const answered = this.#askOnce(pod, how).finally(() => {
      this.#inFlight--;
      this.#in.ring();
    });
    this.#in.beside(answered);
  }

  async #askOnce(pod: Pod, how: 'evict' | 'delete'): Promise<void> {
    const { clock, report, signal } = this.#in;
    const at = clock.now();
    this.#board.asking(pod, at);
    report({ type: 'pod asked', pod: nameOf(pod), how });
    try {
      const reply = await (how === 'evict' ? this.#cluster.evict(pod, signal) : this.#cluster.remove(pod, signal));
      this.#failures.delete(pod.uid);
      this.#board.answered(pod, reply, at, clock.now());
      tell(report, pod, reply);
    } catch (error) {
      if (signal.aborted || error instanceof Denied) throw error;
      const failures = (this.#failures.get(pod.uid) ?? 0) + 1;
      this.#failures.set(pod.uid, failures);
      // Told as the reason for which the pod waits, not once more for each try of each pod.
      this.#board.retryLater(pod, explain(error), clock.now() + pauseMs(API_BACKOFF, failures), at);
    }
  }
}

function tell(report: Report, pod: Pod, reply: EvictionReply): void {
  if (reply.kind === 'accepted') report({ type: 'pod accepted', pod: nameOf(pod) });
  if (reply.kind === 'throttled') report({ type: 'throttled', forMs: reply.retryAfterMs });
}
