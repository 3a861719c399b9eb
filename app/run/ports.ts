import type { ClusterSource } from '../config/cluster-source.ts';
import type { DrainCluster } from '../drain/cluster.ts';
import type { RunEvent } from '../events.ts';
import type { ActionDirectory } from '../lifecycle/action.ts';
import type { GroupCapacity } from './capacity.ts';
import type { NewDrainCondition } from './condition-types.ts';
import type { TaskStarter } from './drain-task.ts';
import type { NodeDirectory, NodeRef } from './find-node.ts';
import type { InstanceInfo } from './instance.ts';
import type { Room } from './room.ts';
import type { LeaseDirectory } from './slots.ts';
import type { TargetGroups } from './target-groups.ts';
import type { Volumes } from './volumes.ts';

/** The outside world of one run. What concerns an instance is called only when an instance is drained. */
export type Ports = {
  readonly actions: ActionDirectory;
  describeInstance(instanceId: string, signal: AbortSignal): Promise<InstanceInfo | undefined>;
  groupCapacity(group: string, signal: AbortSignal): Promise<GroupCapacity>;
  /** The target groups of the region. Called only when the drain waits for them. */
  targetGroups(): Promise<TargetGroups>;
  /** Starts the task that continues this drain; absent: this run does not know where tasks run. */
  readonly successors?: TaskStarter;
  /** Tries once to reach the cluster. */
  connect(source: ClusterSource, signal: AbortSignal): Promise<Cluster>;
};

/** A cluster that has answered. */
export type Cluster = {
  readonly server: string;
  /** The API version of evictions and disruption budgets: policy/v1, or policy/v1beta1 before Kubernetes 1.22. */
  readonly policyVersion: string;
  readonly nodes: NodeDirectory;
  /** @returns the node as it is after the cordon */
  cordon(node: NodeRef, excludeFromLoadBalancers: boolean, signal: AbortSignal): Promise<NodeRef | 'replaced'>;
  /** Takes the node out of its load balancers. */
  exclude(node: NodeRef, signal: AbortSignal): Promise<'excluded' | 'replaced'>;
  /** Keeps pods of DaemonSets from returning to the node. */
  taint(node: NodeRef, signal: AbortSignal): Promise<'tainted' | 'replaced'>;
  /** Says that the machine of the node has ended: its pods and volumes move at once. */
  markOutOfService(node: NodeRef, signal: AbortSignal): Promise<'tainted' | 'replaced'>;
  /**
   * Undoes what a drain did to the node, and nothing else.
   * @param onlyDrained leave a cordon alone that no drain has marked as its own
   * @returns what was undone, for people
   */
  restore(node: NodeRef, onlyDrained: boolean, signal: AbortSignal): Promise<readonly string[] | 'replaced'>;
  /** Sets these conditions of the node, if it is still this node, and no others. */
  setDrainConditions(
    node: NodeRef,
    conditions: readonly NewDrainCondition[],
    signal: AbortSignal,
  ): Promise<'set' | 'replaced'>;
  podsOf(node: NodeRef): DrainCluster;
  volumesOf(node: NodeRef): Volumes;
  /** The ARNs of the target groups that TargetGroupBindings name. @throws Denied when the API forbids the read */
  boundTargetGroups(signal: AbortSignal): Promise<readonly string[]>;
  /** The leases of the drains that share their slots. */
  leasesOf(queue: string): LeaseDirectory;
  /** What the pods of the node need, and what the other nodes have left. */
  readRoom(node: NodeRef, signal: AbortSignal): Promise<Room>;
  /** Shows the drain of this node in `kubectl describe`. */
  eventsOn(node: NodeRef): EventSink;
  /** How many requests have been sent so far, by verb. */
  readonly requests: Readonly<Record<string, number>>;
  close(): Promise<void>;
};

/** Best effort: it records what it can, and never fails. */
export type EventSink = { record(event: RunEvent): void; flush(): Promise<void> };
