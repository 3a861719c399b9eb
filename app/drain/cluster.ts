import type { Budget } from './budget.ts';
import type { Pod } from './pod.ts';

/** What the API answered to an eviction. https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/ */
export type EvictionReply =
  /** The pod will end; it is not gone yet. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'blocked'; readonly budget?: string }
  /** API Priority and Fairness or the API server's limits: nothing about this pod. */
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }
  | { readonly kind: 'gone' }
  /** The name now belongs to another pod: this one is gone. */
  | { readonly kind: 'replaced' }
  /** Two budgets on one pod, a namespace that is being deleted, an admission webhook: this may pass, or be fixed. */
  | { readonly kind: 'refused'; readonly message: string };

export type Snapshot<T> = { readonly items: readonly T[]; readonly resourceVersion: string };

/** A PersistentVolumeClaim. */
export type Claim = { readonly namespace: string; readonly name: string };

/** The node, as it changes. */
export type NodeState = {
  readonly uid: string;
  readonly ready: ReadyStatus;
  readonly cordoned: boolean;
  readonly volumesInUse: readonly string[];
};

/** The status of the node's condition `Ready`. `Unknown`: its kubelet reports nothing. */
export type ReadyStatus = 'True' | 'False' | 'Unknown';

/** Where the changes of observed objects go. */
export type Sink<T> = {
  /** All there is now. */
  replace(items: readonly T[]): void;
  set(item: T): void;
  remove(item: T): void;
};

/** The node was deleted, or its name given to another: what is left of it is not ours to drain. */
export class NodeGone extends Error {
  override readonly name = 'NodeGone';
  /** The largest grace period of the pods that were seen on it. */
  readonly graceSeconds: number;

  constructor(message: string, graceSeconds = 0) {
    super(message);
    this.graceSeconds = graceSeconds;
  }
}

/**
 * What a drain asks of a cluster. Calls reject when they are aborted, when the API denies them, and when it fails;
 * observing ends only by being aborted or denied, whatever happens to the watches below it.
 */
export type DrainCluster = {
  /** Does the node exist, with the UID that it had when it was found? */
  isSameNode(signal: AbortSignal): Promise<boolean>;
  /** Cordons the node, if it still is this node. */
  cordon(signal: AbortSignal): Promise<unknown>;
  observeNode(sink: Sink<NodeState>, signal: AbortSignal): Promise<never>;
  observePods(sink: Sink<Pod>, signal: AbortSignal): Promise<never>;
  /** A consistent read: what the API says now, not what a cache says. */
  readPods(signal: AbortSignal): Promise<readonly Pod[]>;
  readBudgets(namespace: string, signal: AbortSignal): Promise<Snapshot<Budget>>;
  observeBudgets(
    namespace: string,
    from: Snapshot<Budget> | undefined,
    sink: Sink<Budget>,
    signal: AbortSignal,
  ): Promise<never>;
  evict(pod: Pod, signal: AbortSignal): Promise<EvictionReply>;
  /** Deletes the pod with its own grace period, if it still is this pod. */
  delete(pod: Pod, signal: AbortSignal): Promise<EvictionReply>;
};
