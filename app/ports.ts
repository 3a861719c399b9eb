import type { GroupCapacity } from './await-capacity.ts';
import type { DrainCluster } from './drain/cluster.ts';
import type { TaskStarter } from './drain-task.ts';
import type { Candidate, NodeDirectory } from './find-node.ts';
import type { LifecycleAction } from './lifecycle-action.ts';
import type { DrainEvent } from './report/event.ts';
import type { Volumes } from './settle-volumes.ts';

/** What EC2 tells of an instance. */
export type InstanceFacts = {
  readonly privateDnsName?: string;
  /** The EKS clusters that its tags name. */
  readonly clusters: readonly string[];
};

/** A cluster that has answered. */
export type ConnectedCluster = {
  readonly server: string;
  /** The API version of evictions and disruption budgets: policy/v1, or policy/v1beta1 before Kubernetes 1.22. */
  readonly policyVersion: string;
  readonly nodes: NodeDirectory;
  cordon(node: Candidate, excludeFromLoadBalancers: boolean, signal: AbortSignal): Promise<'cordoned' | 'replaced'>;
  /** Keeps pods of DaemonSets from coming back to the node. */
  taint(node: Candidate, signal: AbortSignal): Promise<'tainted' | 'replaced'>;
  podsOf(node: Candidate): DrainCluster;
  volumesOf(node: Candidate): Volumes;
  /** Where `kubectl describe` finds the story of this node's drain. */
  eventsOn(node: Candidate): EventSink;
  /** How many requests were sent so far, by verb. */
  readonly requests: Readonly<Record<string, number>>;
  close(): Promise<void>;
};

/** Best effort: it takes what it is told, and fails in silence. */
export type EventSink = { note(event: DrainEvent): void; flush(): Promise<void> };

/** The outside world of one run. What concerns an instance is asked only when an instance is drained. */
export type Ports = {
  findAction(instanceId: string, signal: AbortSignal): Promise<LifecycleAction>;
  describeInstance(instanceId: string, signal: AbortSignal): Promise<InstanceFacts | undefined>;
  /**
   * When the termination of the instance began that is under way, in milliseconds since the epoch; undefined: none is seen.
   * Not after its lifecycle action began.
   */
  terminationBegan(group: string, instanceId: string, signal: AbortSignal): Promise<number | undefined>;
  groupCapacity(group: string, signal: AbortSignal): Promise<GroupCapacity>;
  /** Where a successor is started that goes on with the drain; absent: there is no such place. */
  readonly successors?: TaskStarter;
  /** One try to reach the cluster. */
  connect(signal: AbortSignal): Promise<ConnectedCluster>;
};
