import { type DrainCluster, NodeGone, type NodeState } from './cluster.ts';
import type { Inside } from './inside.ts';

/** Somebody who uncordons the node again and again is not answered more often than this. */
const BETWEEN_CORDONS_MS = 5_000;

/**
 * Watches the node beside its pods: ends the drain when it is deleted or replaced, knows whether its kubelet lives, and cordons it
 * again when somebody has uncordoned it: what is evicted would come right back.
 */
export class NodeWatch {
  readonly #cluster: DrainCluster;
  readonly #in: Inside;
  #uid: string | undefined;
  #ready = true;
  /** The first thing that is seen may be older than our cordon. */
  #wasCordoned = false;
  #cordoned = true;
  #cordoning = false;
  #cordonedAt = Number.NEGATIVE_INFINITY;

  constructor(cluster: DrainCluster, inside: Inside) {
    this.#cluster = cluster;
    this.#in = inside;
    const gone = () => inside.fail(new NodeGone('the node was deleted or replaced'));
    const see = (node: NodeState) => {
      this.#uid ??= node.uid;
      if (node.uid !== this.#uid) return gone();
      this.#ready = node.ready;
      this.#wasCordoned ||= node.cordoned;
      this.#cordoned = node.cordoned;
      if (this.#wasCordoned && !node.cordoned) this.#cordonAgain();
      inside.ring();
    };
    const sink = {
      replace: ([node]: readonly NodeState[]) => (node === undefined ? gone() : see(node)),
      set: see,
      remove: ({ uid }: NodeState) => {
        if (uid === this.#uid) gone();
      },
    };
    inside.beside(cluster.observeNode(sink, inside.signal));
  }

  /** False when it reports NotReady, and when nothing is heard of it (Unknown). */
  get isReady(): boolean {
    return this.#ready;
  }

  #cordonAgain(): void {
    if (this.#cordoning) return;
    this.#cordoning = true;
    const { clock, report, signal, beside, untilItWorks } = this.#in;
    const cordon = async () => {
      const pause = this.#cordonedAt + BETWEEN_CORDONS_MS - clock.now();
      if (pause > 0) await clock.sleep(pause, signal);
      if (this.#cordoned) return;
      report({ type: 'warning', message: 'somebody has uncordoned the node: it is cordoned again' });
      await untilItWorks('cordon the node again', () => this.#cluster.cordon(signal));
      this.#cordonedAt = clock.now();
    };
    beside(
      cordon().finally(() => {
        this.#cordoning = false;
      }),
    );
  }
}
