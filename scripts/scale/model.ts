import { heartbeatIntervalMs } from '../../app/lifecycle/heartbeat.ts';
import { BETWEEN_STARTS_MS } from '../../app/sweep.ts';
import { REQUESTS_PER_POD } from '../bench/goals.ts';
import { DRAIN, SWEEP, TASK } from '../cost/cost.ts';

/** Terminations in the clusters of one account and region. */
export type Load = {
  readonly clusters: number;
  readonly terminations: number;
  /** Over so many seconds, evenly; 0: all in the same second. */
  readonly within: number;
};

/** What infra/cloudformation says; a test holds it against the templates. */
export const TEMPLATE = { heartbeatTimeout: 1_800, ruleGivesUpAfter: 900, graceSeconds: 20 };

/** What no document tells, and what you should put your own figures for. */
const ASSUMED = {
  /** From RunTask to the first heartbeat: Fargate's start, the pull of the image, the way to the node. */
  firstBeatSeconds: 60,
  podsPerNode: 30,
  groupsPerCluster: 3,
  /** Its node, its pods, and the budgets of one namespace. */
  watchesPerDrain: 3,
};

/** Burst and sustained. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html */
export const RUN_TASK_PER_SECOND = 20;

const DRAIN_SECONDS = DRAIN.minutes * 60;
const SWEEP_EVERY_SECONDS = SWEEP.everyMinutes * 60;
const SWEEP_PER_SECOND = 1_000 / BETWEEN_STARTS_MS;
/** Most that DescribeAutoScalingGroups, ListTasks and DescribeTasks give at once. */
const PAGE = 100;
/**
 * DescribeAutoScalingInstances, DescribeLifecycleHooks, a heartbeat, CompleteLifecycleAction. DescribeScalingActivities comes
 * from tasks that no event told of their begin only, so from those that sweeps start, and these come later.
 */
const AUTO_SCALING_CALLS = 4;

/** Seconds in which so many tasks are started when nothing but the rate of RunTask limits it, and no call of it is in vain. */
export function secondsToStart(tasks: number): number {
  return tasks / RUN_TASK_PER_SECOND;
}

/** How many tasks a quota of vCPUs lets run at once. */
export function tasksWithin(vcpus: number): number {
  return Math.floor(vcpus / TASK.vcpu);
}

/**
 * How many terminations at once have their first heartbeat before their lifecycle actions time out. The rule starts tasks
 * until it gives up, sweeps from the next one on; and what Fargate has no room for waits for the sweep after the drain that
 * makes room, because the rule does not try that again.
 * @param clusters whose sweeps start tasks beside one another; they share the account's rate
 * @param vcpus the quota of Fargate
 * @param tasksEach 2 if a sweep and the rule start a task for every instance
 */
export function caughtInTime(clusters: number, heartbeatTimeout: number, vcpus: number, tasksEach = 1): number {
  const time = heartbeatTimeout - ASSUMED.firstBeatSeconds;
  const nextSweep = SWEEP_EVERY_SECONDS + TEMPLATE.graceSeconds;
  const byRule = RUN_TASK_PER_SECOND * Math.min(time, TEMPLATE.ruleGivesUpAfter);
  const sweeping = Math.max(0, time - TEMPLATE.ruleGivesUpAfter - nextSweep);
  const bySweeps = Math.min(RUN_TASK_PER_SECOND, SWEEP_PER_SECOND * clusters) * sweeping;
  const round = Math.ceil(DRAIN_SECONDS / SWEEP_EVERY_SECONDS) * SWEEP_EVERY_SECONDS;
  const rounds = 1 + Math.max(0, 1 + Math.floor((time - DRAIN_SECONDS - nextSweep) / round));
  return Math.floor(Math.min(byRule + bySweeps, tasksWithin(vcpus) * rounds) / tasksEach);
}

/** What a load asks of AWS and of Kubernetes. Rates are a second, of the second in which they are highest. */
export type Demand = ReturnType<typeof demandOf>;

export function demandOf({ clusters, terminations, within }: Load) {
  const events = within === 0 ? terminations : terminations / within;
  const starts = Math.min(events, RUN_TASK_PER_SECOND);
  const atOnce = Math.min(terminations, Math.ceil(starts * DRAIN_SECONDS));
  const perCluster = Math.ceil(terminations / clusters);
  const atOncePerCluster = Math.min(perCluster, Math.ceil(atOnce / clusters));
  const groups = clusters * ASSUMED.groupsPerCluster;
  const pages = Math.ceil(groups / PAGE);
  const waitingGroups = Math.min(groups, atOnce);
  const waitingGroupsPerCluster = Math.min(ASSUMED.groupsPerCluster, atOncePerCluster);
  const taskPages = Math.ceil(atOncePerCluster / PAGE);
  const beatSeconds = heartbeatIntervalMs({ heartbeatTimeoutSeconds: TEMPLATE.heartbeatTimeout }, 1) / 1_000;
  return {
    events,
    starts,
    secondsToStart: Math.max(within, secondsToStart(terminations)),
    tasksAtOnce: atOnce,
    /** Sweeps of all clusters may be due in the same minute. */
    vcpus: (atOnce + clusters) * TASK.vcpu,
    addresses: atOnce + clusters,
    addressesPerCluster: atOncePerCluster + 1,
    autoScalingCalls: starts * AUTO_SCALING_CALLS,
    /** When drains take longer than a beat: as many as there are terminations, or begin in two days. */
    heartbeats: Math.min(terminations, Math.ceil(events * 172_800)) / beatSeconds,
    /** By the sweeps of all clusters, while instances wait: groups, and the hooks of those that have some. */
    sweepCalls: (clusters * (pages + waitingGroupsPerCluster)) / SWEEP_EVERY_SECONDS,
    sweepCallsWithoutPrefix: (clusters * (pages + waitingGroups)) / SWEEP_EVERY_SECONDS,
    /** ListTasks and DescribeTasks, of both looks. */
    sweepTaskReads: (clusters * taskPages * 2 * 2) / SWEEP_EVERY_SECONDS,
    kubernetesRequests: (starts / clusters) * ASSUMED.podsPerNode * REQUESTS_PER_POD,
    watches: atOncePerCluster * ASSUMED.watchesPerDrain,
    /** If all pods are of one namespace and one eviction changes one budget, every drain hears of each. */
    budgetEvents: atOncePerCluster * perCluster * ASSUMED.podsPerNode,
    logMegabytes: (terminations * DRAIN.logKilobytes) / 1_000,
  };
}
