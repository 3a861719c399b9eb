import type { Selector } from './budget.ts';

/** The Deployment, StatefulSet or ReplicaSet that keeps pods, as a drain sees it. */
export type Workload = {
  /** `Deployment shop/checkout` */
  readonly name: string;
  readonly namespace: string;
  /** How many pods it keeps: `spec.replicas`. */
  readonly replicas: number;
  readonly selector: Selector;
};

/** A pod of a workload on any node. */
export type Replica = {
  readonly uid: string;
  /** The other node on which it is ready, and does not terminate; undefined: it is not, or it is on the node that is drained. */
  readonly readyOn: string | undefined;
};

/** Another node, and whether a drain of ours has cordoned it. */
export type PeerNode = { readonly name: string; readonly isDrained: boolean };

/** A workload, and how many of its pods are ready on other nodes. */
export type ObservedWorkload = Workload & {
  readonly readyElsewhere: number;
  /** UIDs of those that other drains of ours are about to evict. */
  readonly leaving: readonly string[];
  /** When it was read first, in milliseconds since the epoch. */
  readonly since: number;
};
