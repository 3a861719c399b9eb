import { API_BACKOFF, pauseMs } from '../backoff.ts';
import { Denied } from '../failure.ts';
import { type DrainCluster, NodeGone } from './cluster.ts';
import type { Inside } from './inside.ts';
import type { Pod } from './pod.ts';

/**
 * Pods that show up after the first list. Before one of them is asked to leave, the API is asked whether the node still is
 * the node that we cordoned: if its name went to another while we could not see it, they are that one's pods, not ours.
 */
export class Newcomers {
  readonly #cluster: DrainCluster;
  readonly #in: Inside;
  readonly #known = new Set<string>();
  readonly #waiting = new Set<string>();
  #checking = false;

  constructor(cluster: DrainCluster, inside: Inside) {
    this.#cluster = cluster;
    this.#in = inside;
  }

  /** These were on the node right after it was cordoned by its UID. */
  know(pods: Iterable<Pod>): void {
    for (const { uid } of pods) this.#known.add(uid);
  }

  /** May this pod be asked to leave? If that is not known yet, it is found out, and the bell rings. */
  admits({ uid }: Pod): boolean {
    if (this.#known.has(uid)) return true;
    this.#waiting.add(uid);
    if (!this.#checking) {
      this.#checking = true;
      const checked = this.#check().finally(() => {
        this.#checking = false;
        this.#in.ring();
      });
      this.#in.beside(checked);
    }
    return false;
  }

  async #check(): Promise<void> {
    const pods = [...this.#waiting];
    const { clock, report, signal, fail } = this.#in;
    for (let failures = 1; ; failures++) {
      try {
        if (!(await this.#cluster.isSameNode(signal))) return fail(new NodeGone('the node was deleted or replaced'));
        for (const uid of pods) {
          this.#known.add(uid);
          this.#waiting.delete(uid);
        }
        return;
      } catch (error) {
        if (signal.aborted || error instanceof Denied) throw error;
        const inMs = pauseMs(API_BACKOFF, failures);
        report({ type: 'retrying', what: 'see whether the node is still the same', error, inMs });
        await clock.sleep(inMs, signal);
      }
    }
  }
}
