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
  /** Is it ready, not terminating, and on another node than the one that is drained? */
  readonly isReadyElsewhere: boolean;
};

/** A workload, and how many of its pods are ready on other nodes. */
export type ObservedWorkload = Workload & {
  readonly readyElsewhere: number;
  /** When it was read first, in milliseconds since the epoch. */
  readonly since: number;
};
