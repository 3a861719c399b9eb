/** What one region costs in a month: every line of the bill, once for what runs anyway and once for the drains. */
import { type Architecture, PRICES } from './prices.ts';

export const MONTH_HOURS = 730;
const MONTH_MINUTES = MONTH_HOURS * 60;
const METRIC_HOUR = PRICES.metricMonth / MONTH_HOURS;

/** As in infra/cloudformation/drainer.yaml. */
export const TASK = { vcpu: 0.25, gigabytes: 0.5 };
export const DRAIN = { minutes: 6, logKilobytes: 20 };
/** Fargate bills at least one minute, and a sweep takes less. */
export const SWEEP = { minutes: 1, logKilobytes: 3, everyHours: 6 };
/** `rate(1 minute)`; two state machines, one of which waits for the other. */
export const PROBE = { everyMinutes: 1, stateMachines: 2 };
/** The page size of DescribeAutoScalingInstances, and its maximum. https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingInstances.html */
export const INSTANCES_PER_PAGE = 50;

/** Metrics that every drain writes in its summary; the others of app/report/metrics.ts are written when something is wrong. */
export const DRAIN_METRICS = ['PodsEvicted', 'DrainsSucceeded', 'DrainsFailed', 'DrainSeconds', 'BlockedSeconds'];
/** InstancesWaiting, InstancesRetained, TasksStarted, TasksRefused, GroupsWithoutHook and ClustersUnknown. */
const SWEEP_METRICS = 6;
/** The number of metrics that the alarms read, because each is billed. */
export const ALARM_METRICS = 16;
export const DASHBOARDS = 1;

/** One call of an AWS API by a state machine. An assumption, like those below. */
export const SECONDS_PER_CALL = 0.15;

/** Not documented anywhere, or different everywhere: replace these with your own figures. */
const ASSUMED = {
  /** Compressed. Fargate pulls the image for every task. */
  imageMegabytes: 44,
  /** Requests to ECR, AWS APIs, logs, and to a Kubernetes API server outside the VPC. */
  requestMegabytes: 2,
  images: 5,
  /** Lost events, refused starts and dead tasks make the probe start a sweep. */
  sweepsPerDrain: 0.01,
  /** ListTasks, DescribeTasks and what the rare instance without a task needs. */
  probeCalls: 3,
  /** 50 MB and the data of the states. https://aws.amazon.com/step-functions/pricing/ */
  stateMachineMegabytes: 64,
  emails: 50,
  queueRequests: 10_000,
};

/**
 * Where the tasks run: behind NAT with a gateway endpoint for S3, from which the layers of an image come; behind NAT without one;
 * or in public subnets, with a public address each.
 */
export const NETWORKS = ['s3-endpoint', 'nat', 'public-ip'] as const;
export type Network = (typeof NETWORKS)[number];

export type Region = {
  readonly clusters: number;
  /** Drains of one cluster in a month. */
  readonly drains: number;
  readonly drainMinutes: number;
  readonly groups: number;
  /** Instances of one cluster. The probe reads all instances of the region every minute. */
  readonly instances: number;
  readonly architecture: Architecture;
  readonly network: Network;
  /** Configuration items that AWS Config records for one task; see CONFIG_ITEMS. */
  readonly configItems: number;
};

/**
 * Configuration items for one task, if the account records network interfaces continuously: its network interface is created and deleted.
 * In accounts that record indirect relationships, so are changes of its VPC, subnet and security group, each twice.
 * https://docs.aws.amazon.com/config/latest/developerguide/faq.html ("Indirect Relationships"); users found three kinds of items for
 * one task: https://github.com/widdix/aws-cf-templates/pull/754,
 * https://vinayakpandey-7997.medium.com/fixing-aws-config-cost-pitfall-when-using-eks-fargate-cron-jobs-d06d46b3223d
 */
export const CONFIG_ITEMS = { none: 0, interfaces: 2, withRelated: 8 };

/** Ten clusters of fifty instances, each of which is replaced once a month. */
export const TEN_CLUSTERS: Region = {
  clusters: 10,
  drains: 50,
  drainMinutes: DRAIN.minutes,
  groups: 3,
  instances: 50,
  architecture: 'ARM64',
  network: 's3-endpoint',
  configItems: CONFIG_ITEMS.none,
};

/** Dimensions of metrics. `Drainer` is the stack. */
type Dimension = 'Drainer' | 'Cluster' | 'Cluster and Group';

/** How a region is drained. */
export type Design = {
  readonly oneStackForAllClusters: boolean;
  readonly sweepEveryMinutes: number;
  readonly hasProbe: boolean;
  readonly drainDimensions: readonly Dimension[];
  readonly sweepMetrics: number;
  readonly alarmMetrics: number;
};

/** One stack for all clusters of a region; a state machine looks every minute, and starts a sweep only if an instance waits without a task. */
export const PROBED: Design = {
  oneStackForAllClusters: true,
  sweepEveryMinutes: SWEEP.everyHours * 60,
  hasProbe: true,
  drainDimensions: ['Drainer', 'Cluster'],
  sweepMetrics: SWEEP_METRICS,
  alarmMetrics: ALARM_METRICS,
};

/** What it replaced: one stack for each cluster, with a Fargate task every five minutes. */
export const SWEPT: Design = {
  oneStackForAllClusters: false,
  sweepEveryMinutes: 5,
  hasProbe: false,
  drainDimensions: ['Cluster', 'Cluster and Group'],
  sweepMetrics: 3,
  alarmMetrics: 5,
};

/** Dollars a month. `fixed` is due without a single drain. */
export type Line = { readonly item: string; readonly fixed: number; readonly drains: number };

/** All lines of the bill of one region and month. */
export function billOf(region: Region, design: Design = PROBED): Line[] {
  const { clusters, network } = region;
  const stacks = design.oneStackForAllClusters ? 1 : clusters;
  const drains = clusters * region.drains;
  const sweeps = (stacks * MONTH_MINUTES) / design.sweepEveryMinutes;
  const extraSweeps = design.hasProbe ? drains * ASSUMED.sweepsPerDrain : 0;
  const taskHours = (count: number, minutes: number) => (count * minutes) / 60;
  const drainHours = taskHours(drains, region.drainMinutes) + taskHours(extraSweeps, SWEEP.minutes);
  const perTask = (item: string, dollars: number): Line => ({
    item,
    fixed: sweeps * dollars,
    drains: (drains + extraSweeps) * dollars,
  });
  const perHour = (item: string, dollars: number): Line => ({
    item,
    fixed: taskHours(sweeps, SWEEP.minutes) * dollars,
    drains: drainHours * dollars,
  });
  const standing = (item: string, dollars: number): Line => ({ item, fixed: dollars, drains: 0 });
  const { images, imageMegabytes, requestMegabytes } = ASSUMED;
  return [
    perHour('Fargate', fargateHour(region.architecture)),
    network === 'public-ip'
      ? perHour('public IPv4 addresses', PRICES.publicAddressHour)
      : perTask('data through NAT', gigabytesThroughNat(network) * PRICES.natGigabyte),
    perTask('AWS Config', region.configItems * PRICES.configurationItem),
    ...metricLines(region, design, { sweeps: sweeps / stacks, stacks, extraSweeps }),
    standing('alarms', stacks * design.alarmMetrics * PRICES.alarmMetricMonth),
    standing('dashboard', stacks * DASHBOARDS * PRICES.dashboardMonth),
    {
      item: 'CloudWatch Logs',
      fixed: logs(sweeps * SWEEP.logKilobytes),
      drains: logs(drains * DRAIN.logKilobytes + extraSweeps * SWEEP.logKilobytes),
    },
    standing('Step Functions', design.hasProbe ? stacks * stateMachines(region) : 0),
    standing(
      'EventBridge Scheduler',
      (sweeps + (design.hasProbe ? (stacks * MONTH_MINUTES) / PROBE.everyMinutes : 0)) * PRICES.schedulerInvocation,
    ),
    standing(
      'SQS, SNS and ECR storage',
      stacks * (ASSUMED.queueRequests * PRICES.queueRequest + ASSUMED.emails * PRICES.email) +
        ((images * (imageMegabytes + requestMegabytes)) / 1_000) * PRICES.registryGigabyteMonth,
    ),
  ];
}

export function totalOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { fixed, drains }) => sum + fixed + drains, 0);
}

/** A drain that waits for 48 hours writes `OldestDrainMinutes` in each of them. */
export function longDrain(architecture: Architecture): number {
  const metricHours = 48 * PROBED.drainDimensions.length;
  return 48 * fargateHour(architecture) + metricHours * METRIC_HOUR;
}

/** One task, at on-demand prices. */
function fargateHour(architecture: Architecture): number {
  const { vcpuHour, gigabyteHour } = PRICES.fargate[architecture];
  return TASK.vcpu * vcpuHour + TASK.gigabytes * gigabyteHour;
}

/** Calls of AWS APIs by the probe in a month. CloudTrail records each as a management event, except those of Step Functions itself. */
export function probeCallsOf(region: Region): number {
  return (MONTH_MINUTES / PROBE.everyMinutes) * callsPerProbe(region);
}

function callsPerProbe({ clusters, instances }: Region): number {
  return Math.ceil((clusters * instances) / INSTANCES_PER_PAGE) + ASSUMED.probeCalls;
}

function gigabytesThroughNat(network: Exclude<Network, 'public-ip'>): number {
  return (ASSUMED.requestMegabytes + (network === 'nat' ? ASSUMED.imageMegabytes : 0)) / 1_000;
}

/**
 * A metric is billed for the hours in which it is written. Every drain counts as alone in its hour, until every hour has one: real drains
 * share hours.
 */
function metricLines(
  { clusters, drains, groups }: Region,
  { drainDimensions, sweepMetrics }: Design,
  { sweeps, stacks, extraSweeps }: { sweeps: number; stacks: number; extraSweeps: number },
): Line[] {
  const hours = (events: number) => Math.min(MONTH_HOURS, events);
  const sweepHours = stacks * hours(sweeps);
  const sweepMetricHours = {
    fixed: sweepHours * sweepMetrics,
    drains: (stacks * hours(sweeps + extraSweeps / stacks) - sweepHours) * sweepMetrics,
  };
  const drainHours: Record<Dimension, number> = {
    Drainer: hours(clusters * drains),
    Cluster: clusters * hours(drains),
    'Cluster and Group': clusters * groups * hours(drains / groups),
  };
  return drainDimensions.map((dimension, index) => ({
    item: `metrics by ${dimension}`,
    fixed: index === 0 ? sweepMetricHours.fixed * METRIC_HOUR : 0,
    drains: (drainHours[dimension] * DRAIN_METRICS.length + (index === 0 ? sweepMetricHours.drains : 0)) * METRIC_HOUR,
  }));
}

/** Ingestion, and storage for a month. */
function logs(kilobytes: number): number {
  return (kilobytes / 1e6) * (PRICES.logGigabyte + PRICES.logStorageGigabyteMonth);
}

function stateMachines(region: Region): number {
  const probes = MONTH_MINUTES / PROBE.everyMinutes;
  const seconds = Math.ceil(callsPerProbe(region) * SECONDS_PER_CALL * 10) / 10;
  const gigabyteSeconds = (PROBE.stateMachines * seconds * ASSUMED.stateMachineMegabytes) / 1_024;
  return (
    probes * (PROBE.stateMachines * PRICES.stateMachineRequest + gigabyteSeconds * PRICES.stateMachineGigabyteSecond)
  );
}
