import { type DrainCluster, NodeGone, type NodeState } from './cluster.ts';
import type { Inside } from './inside.ts';

/** Watches the node beside its pods: ends the drain when it is deleted or replaced, and knows whether its kubelet lives. */
export class NodeWatch {
  #uid: string | undefined;
  #ready = true;

  constructor(
    cluster: DrainCluster,
    { signal, ring, fail, beside }: Pick<Inside, 'signal' | 'ring' | 'fail' | 'beside'>,
  ) {
    const gone = () => fail(new NodeGone('the node was deleted or replaced'));
    const see = ({ uid, ready }: NodeState) => {
      this.#uid ??= uid;
      if (uid !== this.#uid) return gone();
      this.#ready = ready;
      ring();
    };
    const sink = {
      replace: ([node]: readonly NodeState[]) => (node === undefined ? gone() : see(node)),
      set: see,
      remove: ({ uid }: NodeState) => {
        if (uid === this.#uid) gone();
      },
    };
    beside(cluster.observeNode(sink, signal));
  }

  /** False when it reports NotReady, and when nothing is heard of it (Unknown). */
  get isReady(): boolean {
    return this.#ready;
  }
}
