import type { Budget } from './budget.ts';
import type { Deployment } from './deployment.ts';
import type { Pod } from './pod.ts';
import type { PeerNode, Replica, Workload } from './workload.ts';

/** The API's reply to an eviction or deletion. https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/ */
export type EvictionReply =
  /** The pod terminates; it is not gone yet. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'blocked'; readonly budget?: string }
  /** By API Priority and Fairness: it says nothing about this pod. */
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }
  | { readonly kind: 'gone' }
  /** Another pod has its name: this one is gone. */
  | { readonly kind: 'replaced' }
  /** Two budgets on one pod, a namespace that is being deleted, an admission webhook: this may pass, or be fixed. */
  | { readonly kind: 'refused'; readonly message: string; readonly by?: Refuser };

/** What refuses an eviction, where the reply says so. */
export type Refuser =
  | { readonly kind: 'webhook'; readonly name: string }
  | { readonly kind: 'several budgets' }
  | { readonly kind: 'namespace' };

export type Snapshot<T> = { readonly items: readonly T[]; readonly resourceVersion: string };

/** A PersistentVolumeClaim. */
export type Claim = { readonly namespace: string; readonly name: string };

/** What a drain observes of its node. */
export type NodeState = {
  readonly uid: string;
  readonly ready: ReadyStatus;
  readonly cordoned: boolean;
  readonly volumesInUse: readonly string[];
};

/** The status of the node's condition `Ready`. `Unknown`: its kubelet reports nothing. */
export type ReadyStatus = 'True' | 'False' | 'Unknown';

/** Receives the changes of observed objects. */
export type Sink<T> = {
  /** All objects that exist now. */
  replace(items: readonly T[]): void;
  set(item: T): void;
  remove(item: T): void;
};

/** What the control plane does about requests to evict a pod with responders: `lifecycle.k8s.io` Eviction. */
export type RespondersEviction = {
  readonly uid: string;
  readonly podUid: string;
  /** Whose turn it is, and when it last reported, as the API shows it. */
  readonly active?: { readonly name: string; readonly heartbeat?: string };
  /** No responder of the pod can act any more. */
  readonly isOver: boolean;
};

/** The API by which responders are asked to end pods. Calls reject as those of `DrainCluster`. */
export type ResponderApi = {
  /** The evictions that this program has requested; undefined: the API is not served. */
  read(signal: AbortSignal): Promise<Snapshot<RespondersEviction> | undefined>;
  observe(
    from: Snapshot<RespondersEviction> | undefined,
    sink: Sink<RespondersEviction>,
    signal: AbortSignal,
  ): Promise<never>;
  request(pod: Pod, signal: AbortSignal): Promise<void>;
  withdraw(pod: Pod, signal: AbortSignal): Promise<void>;
};

/** One budget of a namespace, or all. */
export type BudgetSelection = { readonly namespace: string; readonly name?: string };

/** The node object was deleted, or another node has its name. */
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
 * The part of a cluster that a drain needs. Calls reject when they are aborted, when the API denies them, and when it fails.
 * `observe…` reject only when aborted or denied: they restart the watches below them.
 */
export type DrainCluster = {
  /** Does the node exist, with the UID that it had when it was found? */
  isSameNode(signal: AbortSignal): Promise<boolean>;
  /** Cordons the node, if it is still this node. */
  cordon(signal: AbortSignal): Promise<unknown>;
  observeNode(sink: Sink<NodeState>, signal: AbortSignal): Promise<never>;
  observePods(sink: Sink<Pod>, signal: AbortSignal): Promise<never>;
  /** A consistent read: the current state, not one from a cache. */
  readPods(signal: AbortSignal): Promise<readonly Pod[]>;
  readBudgets(namespace: string, signal: AbortSignal): Promise<Snapshot<Budget>>;
  observeBudgets(
    which: BudgetSelection,
    from: Snapshot<Budget> | undefined,
    sink: Sink<Budget>,
    signal: AbortSignal,
  ): Promise<never>;
  /** What keeps the pods of this pod's controller; undefined: it no longer exists. */
  readWorkload(pod: Pod, signal: AbortSignal): Promise<Workload | undefined>;
  readReplicas(workload: Workload, signal: AbortSignal): Promise<Snapshot<Replica>>;
  observeReplicas(
    workload: Workload,
    from: Snapshot<Replica> | undefined,
    sink: Sink<Replica>,
    signal: AbortSignal,
  ): Promise<never>;
  /** The Deployment of this pod's ReplicaSet, and how many pods that one keeps; undefined: it has no Deployment. */
  readDeployment(
    pod: Pod,
    signal: AbortSignal,
  ): Promise<{ readonly deployment: Deployment; readonly podsWanted: number } | undefined>;
  /**
   * Restarts it by its rolling update, if it is as it was read; `at`: the restart's instant, in milliseconds since the epoch.
   * `changed`: it was changed meanwhile, or is gone.
   */
  restartDeployment(deployment: Deployment, at: number, signal: AbortSignal): Promise<Deployment | 'changed'>;
  /** Its changes since it was read. */
  observeDeployment(from: Deployment, sink: Sink<Deployment>, signal: AbortSignal): Promise<never>;
  /** The other nodes that are cordoned. */
  observePeerNodes(sink: Sink<PeerNode>, signal: AbortSignal): Promise<never>;
  /** Absent: there is none. */
  readonly responders?: ResponderApi;
  evict(pod: Pod, signal: AbortSignal): Promise<EvictionReply>;
  /** Deletes the pod with its own grace period, if it is still this pod. */
  delete(pod: Pod, signal: AbortSignal): Promise<EvictionReply>;
};
