import type { DrainCluster } from './drain/cluster.ts';
import type { Candidate, NodeDirectory } from './find-node.ts';
import type { LifecycleAction } from './lifecycle-action.ts';

/** What EC2 tells of an instance. */
export type InstanceFacts = {
  readonly privateDnsName?: string;
  /** The EKS clusters that its tags name. */
  readonly clusters: readonly string[];
};

/** A cluster that has answered. */
export type ConnectedCluster = {
  readonly server: string;
  readonly versions: { readonly eviction: string; readonly budgets: string };
  readonly nodes: NodeDirectory;
  cordon(node: Candidate, excludeFromLoadBalancers: boolean, signal: AbortSignal): Promise<'cordoned' | 'replaced'>;
  /** Resolves when the node was deleted, or its name given to another. */
  untilGone(node: Candidate, signal: AbortSignal): Promise<void>;
  podsOf(node: Candidate): DrainCluster;
  /** How many requests were sent so far, by verb. */
  readonly requests: Readonly<Record<string, number>>;
  close(): Promise<void>;
};

/** The outside world of one run. What concerns an instance is asked only when an instance is drained. */
export type Ports = {
  findAction(instanceId: string, signal: AbortSignal): Promise<LifecycleAction>;
  describeInstance(instanceId: string, signal: AbortSignal): Promise<InstanceFacts | undefined>;
  /** One try to reach the cluster. */
  connect(signal: AbortSignal): Promise<ConnectedCluster>;
};
