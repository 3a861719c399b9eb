import { heartbeatIntervalMs } from '../../app/lifecycle/heartbeat.ts';
import { START_INTERVAL_MS } from '../../app/sweep.ts';
import { DRAIN, SWEEP, TASK } from '../cost/cost.ts';
import { type DrainedNode, requestsOf, totalOf } from './requests.ts';

/** The terminations in the clusters of one account and region. */
export type Load = {
  readonly clusters: number;
  readonly terminations: number;
  /** Seconds over which they are distributed evenly; 0: all in the same second. */
  readonly within: number;
};

/** In seconds, as in infra/cloudformation and the settings; a test compares them. */
export const TEMPLATE = { heartbeatTimeout: 1_800, maxEventAge: 900, sweepGrace: 20 };

/** Not documented anywhere: replace these with your own figures. */
const ASSUMED = {
  /** From RunTask to the first heartbeat: task start, image pull, and finding the node. */
  firstHeartbeatSeconds: 60,
  podsPerNode: 30,
  namespacesPerNode: 5,
  volumesPerNode: 3,
  detachSeconds: 10,
  groupsPerCluster: 3,
  /** The node, its pods, and the budgets of one namespace. */
  watchesPerDrain: 3,
};

/** Burst and sustained rate. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html */
export const RUN_TASK_PER_SECOND = 20;

const DRAIN_SECONDS = DRAIN.minutes * 60;
const SWEEP_EVERY_SECONDS = SWEEP.everyMinutes * 60;
const STARTS_PER_SECOND_OF_A_SWEEP = 1_000 / START_INTERVAL_MS;
/** The page size of DescribeAutoScalingGroups, ListTasks and DescribeTasks. */
const PAGE_SIZE = 100;
/**
 * DescribeAutoScalingInstances, DescribeLifecycleHooks, a heartbeat, CompleteLifecycleAction. Only tasks that sweeps start also
 * call DescribeScalingActivities, because they have no event, and they start later.
 */
const AUTO_SCALING_CALLS_PER_TASK = 4;

/** Seconds that the start of so many tasks takes when only the rate of RunTask limits it, and no call fails. */
export function secondsToStart(tasks: number): number {
  return tasks / RUN_TASK_PER_SECOND;
}

/** How many tasks can run at the same time within a vCPU quota. */
export function tasksWithin(vcpus: number): number {
  return Math.floor(vcpus / TASK.vcpu);
}

/**
 * How many simultaneous terminations get their first heartbeat before their lifecycle actions time out. The rule starts tasks
 * until its events are too old, then the sweeps do, beginning with the next one. A task for which Fargate has no capacity waits
 * for the sweep after a drain has ended, because the rule does not retry that refusal.
 * @param clusters their sweeps start tasks concurrently; they share the rate of the account
 * @param heartbeatTimeout in seconds
 * @param vcpus the Fargate quota
 * @param tasksPerInstance 2 if a sweep and the rule start a task for every instance
 */
export function drainableInTime(
  clusters: number,
  heartbeatTimeout: number,
  vcpus: number,
  tasksPerInstance = 1,
): number {
  const time = heartbeatTimeout - ASSUMED.firstHeartbeatSeconds;
  const nextSweep = SWEEP_EVERY_SECONDS + TEMPLATE.sweepGrace;
  const byRule = RUN_TASK_PER_SECOND * Math.min(time, TEMPLATE.maxEventAge);
  const sweeping = Math.max(0, time - TEMPLATE.maxEventAge - nextSweep);
  const bySweeps = Math.min(RUN_TASK_PER_SECOND, STARTS_PER_SECOND_OF_A_SWEEP * clusters) * sweeping;
  const round = Math.ceil(DRAIN_SECONDS / SWEEP_EVERY_SECONDS) * SWEEP_EVERY_SECONDS;
  const rounds = 1 + Math.max(0, 1 + Math.floor((time - DRAIN_SECONDS - nextSweep) / round));
  return Math.floor(Math.min(byRule + bySweeps, tasksWithin(vcpus) * rounds) / tasksPerInstance);
}

/** An average node of a cluster with so many nodes. */
export function nodeOf(nodes: number): DrainedNode {
  const { podsPerNode, namespacesPerNode, volumesPerNode, detachSeconds } = ASSUMED;
  return {
    podsByNamespace: Array.from({ length: namespacesPerNode }, () => podsPerNode / namespacesPerNode),
    volumes: volumesPerNode,
    detachSeconds,
    drainSeconds: DRAIN_SECONDS,
    clusterPods: nodes * podsPerNode,
    attachments: nodes * volumesPerNode,
  };
}

/** What a load requires of AWS and of Kubernetes. Rates are per second, at their peak. */
export type Demand = ReturnType<typeof demandOf>;

export function demandOf({ clusters, terminations, within }: Load) {
  const events = within === 0 ? terminations : terminations / within;
  const starts = Math.min(events, RUN_TASK_PER_SECOND);
  const atOnce = Math.min(terminations, Math.ceil(starts * DRAIN_SECONDS));
  const perCluster = Math.ceil(terminations / clusters);
  const atOncePerCluster = Math.min(perCluster, Math.ceil(atOnce / clusters));
  const groups = clusters * ASSUMED.groupsPerCluster;
  const pages = Math.ceil(groups / PAGE_SIZE);
  const waitingGroups = Math.min(groups, atOnce);
  const waitingGroupsPerCluster = Math.min(ASSUMED.groupsPerCluster, atOncePerCluster);
  const taskPages = Math.ceil(atOncePerCluster / PAGE_SIZE);
  const heartbeatSeconds = heartbeatIntervalMs({ heartbeatTimeoutSeconds: TEMPLATE.heartbeatTimeout }, 1) / 1_000;
  return {
    events,
    starts,
    secondsToStart: Math.max(within, secondsToStart(terminations)),
    tasksAtOnce: atOnce,
    /** The sweeps of all clusters may run in the same minute. */
    vcpus: (atOnce + clusters) * TASK.vcpu,
    addresses: atOnce + clusters,
    addressesPerCluster: atOncePerCluster + 1,
    autoScalingCalls: starts * AUTO_SCALING_CALLS_PER_TASK,
    /** If all drains last longer than the heartbeat interval: one per termination, at most of those started within two days. */
    heartbeats: Math.min(terminations, Math.ceil(events * 172_800)) / heartbeatSeconds,
    /** By the sweeps of all clusters, while instances wait: pages of groups, and the hooks of each group with a waiting instance. */
    sweepCalls: (clusters * (pages + waitingGroupsPerCluster)) / SWEEP_EVERY_SECONDS,
    sweepCallsWithoutPrefix: (clusters * (pages + waitingGroups)) / SWEEP_EVERY_SECONDS,
    /** ListTasks and DescribeTasks, twice per sweep. */
    sweepTaskReads: (clusters * taskPages * 2 * 2) / SWEEP_EVERY_SECONDS,
    /** If the cluster has no other nodes: more nodes have more volume attachments. */
    kubernetesRequests: (starts / clusters) * totalOf(requestsOf(nodeOf(perCluster))),
    watches: atOncePerCluster * ASSUMED.watchesPerDrain,
    /** If all pods are in one namespace, every drain receives the event of every eviction. */
    budgetEvents: atOncePerCluster * perCluster * ASSUMED.podsPerNode,
    logMegabytes: (terminations * DRAIN.logKilobytes) / 1_000,
  };
}
