import { type Backoff, pauseMs } from '../backoff.ts';
import type { Board } from './board.ts';
import { type DrainCluster, NodeGone } from './cluster.ts';
import type { Inside } from './inside.ts';
import type { Pod } from './pod.ts';

/** A controller whose pods come back is given time to put them elsewhere: each return makes the pause before the next eviction longer. */
const RETURNS: Backoff = { firstMs: 1_000, mostMs: 60_000 };

/**
 * Pods that no cordon keeps away, because they tolerate it or name their node, are sent away this often, which takes about half a minute.
 * Then they stay: their service would never be there, and the drain never over.
 */
const MOST_RETURNS = 6;

type Returns = { readonly count: number; readonly notBefore: number };

/**
 * Pods that show up after the first list. Before one of them is asked to leave, the API is asked whether the node still is
 * the node that we cordoned: if its name went to another while we could not see it, they are that one's pods, not ours.
 */
export class Newcomers {
  readonly #cluster: DrainCluster;
  readonly #board: Board;
  readonly #in: Inside;
  readonly #known = new Set<string>();
  readonly #waiting = new Map<string, Pod>();
  /** By controller. */
  readonly #returns = new Map<string, Returns>();
  #checking = false;

  constructor(cluster: DrainCluster, board: Board, inside: Inside) {
    this.#cluster = cluster;
    this.#board = board;
    this.#in = inside;
  }

  /** These were on the node right after it was cordoned by its UID. */
  know(pods: Iterable<Pod>): void {
    for (const { uid } of pods) this.#known.add(uid);
  }

  /** When a pod may be asked to leave that may not be now, in milliseconds since the epoch. */
  nextAt(now: number): number | undefined {
    const times = [...this.#returns.values()].map(({ notBefore }) => notBefore).filter((time) => time > now);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** May this pod be asked to leave? If that is not known yet, it is found out, and the bell rings. */
  admits(pod: Pod): boolean {
    if (this.#known.has(pod.uid)) return true;
    const returns = this.#returns.get(controllerOf(pod));
    if (returns !== undefined) {
      if (returns.count >= MOST_RETURNS) {
        this.#board.comesBack(pod);
        this.#in.ring();
        return false;
      }
      if (this.#in.clock.now() < returns.notBefore) return false;
    }
    this.#waiting.set(pod.uid, pod);
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
    const pods = [...this.#waiting.values()];
    const { clock, signal, fail, untilItWorks } = this.#in;
    const look = () => this.#cluster.isSameNode(signal);
    if (!(await untilItWorks('see whether the node is still the same', look))) {
      return fail(new NodeGone('the node was deleted or replaced'));
    }
    for (const controller of new Set(pods.map(controllerOf))) {
      const count = (this.#returns.get(controller)?.count ?? 0) + 1;
      this.#returns.set(controller, { count, notBefore: clock.now() + pauseMs(RETURNS, count) });
    }
    for (const { uid } of pods) {
      this.#known.add(uid);
      this.#waiting.delete(uid);
    }
  }
}

/** A pod without one does not come back. */
function controllerOf({ namespace, name, controller }: Pod): string {
  return controller === undefined ? `${namespace}//${name}` : `${namespace}/${controller.kind}/${controller.name}`;
}
