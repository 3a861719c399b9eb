import { type DrainCluster, NodeGone, type NodeState } from './cluster.ts';
import type { DrainScope } from './scope.ts';

/** Minimum time between two cordons, however often the node is uncordoned. */
const CORDON_INTERVAL_MS = 5_000;

/**
 * `Ready=False` is reported by a living kubelet, and a flap means nothing: only `Unknown`, for this long without interruption,
 * means that nobody is there. https://kubernetes.io/docs/reference/node/node-status/#condition
 */
export const DEAD_AFTER_MS = 60_000;

/**
 * Watches the node beside its pods: ends the drain when the node is deleted or replaced, knows whether its kubelet is alive,
 * and cordons it again after an uncordon, because evicted pods would return at once.
 */
export class NodeWatch {
  readonly #cluster: DrainCluster;
  readonly #scope: DrainScope;
  /** As last seen. */
  #node: NodeState | undefined;
  /** Since when the kubelet has been silent, by our own clock. */
  #unknownSince: number | undefined;
  #cordoning: Promise<void> | undefined;
  #cordonedAt = Number.NEGATIVE_INFINITY;

  constructor(cluster: DrainCluster, scope: DrainScope) {
    this.#cluster = cluster;
    this.#scope = scope;
    const gone = () => scope.fail(new NodeGone('the node was deleted or replaced'));
    const see = (node: NodeState) => {
      if (this.#node !== undefined && node.uid !== this.#node.uid) return gone();
      this.#node = node;
      this.#unknownSince = node.ready === 'Unknown' ? (this.#unknownSince ?? scope.clock.now()) : undefined;
      // What is seen first is the answer to our cordon, so whatever shows the node open is younger.
      if (!node.cordoned) this.#cordonAgain();
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

  /** When the kubelet counts as dead, in milliseconds since the epoch; Infinity while it reports anything. */
  get deadAt(): number {
    return this.#unknownSince === undefined ? Number.POSITIVE_INFINITY : this.#unknownSince + DEAD_AFTER_MS;
  }

  get volumesInUse(): readonly string[] {
    return this.#node?.volumesInUse ?? [];
  }

  #cordonAgain(): void {
    if (this.#cordoning !== undefined) return;
    this.#cordoning = this.#cordon().finally(() => {
      this.#cordoning = undefined;
      // An uncordon that crossed our cordon shows as no further change.
      if (this.#node?.cordoned === false && !this.#scope.signal.aborted) this.#cordonAgain();
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
