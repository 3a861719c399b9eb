import { type DrainCluster, NodeGone, type NodeState } from './cluster.ts';
import type { DrainScope } from './scope.ts';

/** Somebody who uncordons the node again and again is not answered more often than this. */
const CORDON_INTERVAL_MS = 5_000;

/**
 * Watches the node beside its pods: ends the drain when the node is deleted or replaced, knows whether its kubelet is alive,
 * and cordons it again when somebody has uncordoned it, because evicted pods would return at once.
 */
export class NodeWatch {
  readonly #cluster: DrainCluster;
  readonly #scope: DrainScope;
  /** As last seen. */
  #node: NodeState | undefined;
  /** The first state that is seen may be older than our cordon. */
  #wasCordoned = false;
  #cordoning: Promise<void> | undefined;
  #cordonedAt = Number.NEGATIVE_INFINITY;

  constructor(cluster: DrainCluster, scope: DrainScope) {
    this.#cluster = cluster;
    this.#scope = scope;
    const gone = () => scope.fail(new NodeGone('the node was deleted or replaced'));
    const see = (node: NodeState) => {
      if (this.#node !== undefined && node.uid !== this.#node.uid) return gone();
      this.#node = node;
      this.#wasCordoned ||= node.cordoned;
      if (this.#wasCordoned && !node.cordoned) this.#cordonAgain();
      scope.wake();
    };
    const sink = {
      replace: ([node]: readonly NodeState[]) => (node === undefined ? gone() : see(node)),
      set: see,
      remove: ({ uid }: NodeState) => {
        if (uid === this.#node?.uid) gone();
      },
    };
    scope.spawn(cluster.observeNode(sink, scope.signal));
  }

  /** False when its kubelet reports NotReady, and when it reports nothing (Unknown). */
  get isReady(): boolean {
    return this.#node?.ready ?? true;
  }

  #cordonAgain(): void {
    if (this.#cordoning !== undefined) return;
    this.#cordoning = this.#cordon().finally(() => {
      this.#cordoning = undefined;
    });
    this.#scope.spawn(this.#cordoning);
  }

  async #cordon(): Promise<void> {
    const { clock, report, signal, retryForever } = this.#scope;
    const pauseMs = this.#cordonedAt + CORDON_INTERVAL_MS - clock.now();
    if (pauseMs > 0) await clock.sleep(pauseMs, signal);
    if (this.#node?.cordoned) return;
    report({ type: 'warning', message: 'the node was uncordoned by someone else; cordoning it again' });
    await retryForever('cordon the node again', () => this.#cluster.cordon(signal));
    this.#cordonedAt = clock.now();
  }
}
