import { heartbeatIntervalMs } from '../../app/lifecycle/heartbeat.ts';
import { START_INTERVAL_MS } from '../../app/sweep/start-tasks.ts';
import { DRAIN, INSTANCES_PER_PAGE, PROBE, SECONDS_PER_CALL, TASK } from '../cost/bill.ts';
import { type DrainedNode, requestsOf, totalOf } from './requests.ts';

/** The terminations in the clusters of one account and region, which one stack serves. */
export type Load = {
  readonly clusters: number;
  /** In all Auto Scaling groups of the region. */
  readonly instances: number;
  readonly terminations: number;
  /** Seconds over which they are distributed evenly; 0: all in the same second. */
  readonly within: number;
};

/** In seconds, as in infra/cloudformation and the settings; a test compares them. */
export const TEMPLATE = { heartbeatTimeout: 1_800, maxEventAge: 900, sweepGrace: 20 };

/** Not documented anywhere: replace these with your own figures. */
const ASSUMED = {
  /** From RunTask to the first heartbeat: task start, image pull, and finding the node. A sweep starts as quickly. */
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
const PROBE_SECONDS = PROBE.everyMinutes * 60;
const STARTS_PER_SECOND_OF_A_SWEEP = 1_000 / START_INTERVAL_MS;
/** From a task that ended, or was refused, to its successor: the next probe, the start of the sweep, and its grace. */
const SECONDS_TO_SWEEP = PROBE_SECONDS + ASSUMED.firstHeartbeatSeconds + TEMPLATE.sweepGrace;
/** The page size of DescribeAutoScalingGroups, and of ListTasks and DescribeTasks by sweeps. */
const PAGE_SIZE = 100;
/** The probe keeps the data of a state below 256 KiB. */
const TASKS_PER_PAGE_OF_PROBE = 25;
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
 * until its events are too old, then a sweep does; both together have the rate of the account. Tasks for which Fargate has no capacity
 * wait until drains have ended and the probe has started a sweep, because the rule does not retry that refusal.
 * @param heartbeatTimeout in seconds
 * @param vcpus the Fargate quota
 * @param tasksPerInstance 2 if a sweep and the rule start a task for every instance
 */
export function drainableInTime(heartbeatTimeout: number, vcpus: number, tasksPerInstance = 1): number {
  const time = heartbeatTimeout - ASSUMED.firstHeartbeatSeconds;
  const byRule = RUN_TASK_PER_SECOND * Math.min(time, TEMPLATE.maxEventAge);
  const bySweep = STARTS_PER_SECOND_OF_A_SWEEP * Math.max(0, time - TEMPLATE.maxEventAge);
  const rounds = 1 + Math.floor(time / (DRAIN_SECONDS + SECONDS_TO_SWEEP));
  return Math.floor(Math.min(byRule + bySweep, tasksWithin(vcpus) * rounds) / tasksPerInstance);
}

/** How many instances the probe can read before the next one starts. */
export function instancesPerProbe(): number {
  return Math.floor(PROBE_SECONDS / SECONDS_PER_CALL) * INSTANCES_PER_PAGE;
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

export function demandOf({ clusters, instances, terminations, within }: Load) {
  const events = within === 0 ? terminations : terminations / within;
  const starts = Math.min(events, RUN_TASK_PER_SECOND);
  const atOnce = Math.min(terminations, Math.ceil(starts * DRAIN_SECONDS));
  const perCluster = Math.ceil(terminations / clusters);
  const atOncePerCluster = Math.min(perCluster, Math.ceil(atOnce / clusters));
  const groups = clusters * ASSUMED.groupsPerCluster;
  const groupPages = Math.ceil(groups / PAGE_SIZE);
  const waitingGroups = Math.min(groups, atOnce);
  const instancePages = Math.ceil(instances / INSTANCES_PER_PAGE);
  const taskPagesOfProbe = 2 * Math.ceil(atOnce / TASKS_PER_PAGE_OF_PROBE);
  const heartbeatSeconds = heartbeatIntervalMs({ heartbeatTimeoutSeconds: TEMPLATE.heartbeatTimeout }, 1) / 1_000;
  return {
    events,
    starts,
    secondsToStart: Math.max(within, secondsToStart(terminations)),
    tasksAtOnce: atOnce,
    /** With `FARGATE_SPOT` the drains that the rule starts; without it, and for everything else, the quota is that of on-demand tasks. */
    vcpusOfDrains: atOnce * TASK.vcpu,
    /** With one sweep. */
    vcpus: (atOnce + 1) * TASK.vcpu,
    addresses: atOnce + 1,
    autoScalingCalls: starts * AUTO_SCALING_CALLS_PER_TASK,
    /** If all drains last longer than the heartbeat interval: one per termination, at most of those started within two days. */
    heartbeats: Math.min(terminations, Math.ceil(events * 172_800)) / heartbeatSeconds,
    /** Of DescribeAutoScalingInstances, a minute. */
    probePages: (instancePages * 60) / PROBE_SECONDS,
    /** Reading all instances, and all running tasks. */
    probeSeconds: (instancePages + taskPagesOfProbe) * SECONDS_PER_CALL,
    probeCalls: instancePages / PROBE_SECONDS,
    /** Look and Probe. */
    stateMachines: PROBE.stateMachines / PROBE_SECONDS,
    /** While instances wait without a task: pages of groups, and the hooks of each group with a waiting instance, every minute. */
    sweepCalls: (groupPages + waitingGroups) / PROBE_SECONDS,
    /** ListTasks and DescribeTasks, by the probe and twice by a sweep. */
    taskReads: (taskPagesOfProbe + 2 * 2 * Math.ceil(atOnce / PAGE_SIZE)) / PROBE_SECONDS,
    /** Each drain reads the list of volume attachments of the whole cluster. */
    kubernetesRequests: (starts / clusters) * totalOf(requestsOf(nodeOf(Math.ceil(instances / clusters)))),
    watches: atOncePerCluster * ASSUMED.watchesPerDrain,
    /** If all pods are in one namespace, every drain receives the event of every eviction. */
    budgetEvents: atOncePerCluster * perCluster * ASSUMED.podsPerNode,
    logMegabytes: (terminations * DRAIN.logKilobytes) / 1_000,
  };
}
