import type { RunEvent, Summary, SweepSummary } from '../events.ts';

export const NAMESPACE = 'NodeDrainer';

/**
 * Every metric, with its unit. Each is written for the drainer and for the cluster, where these are known, and not for the
 * group: CloudWatch bills each metric of each dimension, and the log line names the group.
 */
export const METRICS = {
  /** How long evicting and waiting for the pods took. */
  DrainSeconds: 'Seconds',
  PodsEvicted: 'Count',
  /** How long a budget blocked at least one pod. */
  BlockedSeconds: 'Seconds',
  /** Counted when each fails: in the summary they would arrive when the instance is terminated already. */
  HeartbeatsFailed: 'Count',
  DrainsSucceeded: 'Count',
  DrainsFailed: 'Count',
  /** Lifecycle actions that have used nine tenths of their time. */
  ActionsNearEnd: 'Count',
  /** Reasons for which pods are held that time alone does not end, each counted once in a drain. */
  HoldsToMend: 'Count',
  /** How long a drain has lasted that still waits for pods: written every five minutes, from the tenth on. */
  OldestDrainMinutes: 'Count',
  /** Instances that wait at the hook during a sweep. */
  InstancesWaiting: 'Count',
  /** Instances that Auto Scaling has retained. */
  InstancesRetained: 'Count',
  /** Groups of the cluster whose instances are terminated without a drain. */
  GroupsWithoutHook: 'Count',
  /** Instances whose tags do not name the one cluster that they belong to. */
  ClustersUnknown: 'Count',
  /** Instances without a node that are old enough to have joined the cluster. */
  NodesMissing: 'Count',
  TasksStarted: 'Count',
  TasksRefused: 'Count',
} as const;

type MetricName = keyof typeof METRICS;
type Values = Partial<Record<MetricName, number>>;

/** The dimensions of the metrics of a run, as far as they are known. */
export type Dimensions = {
  /** The name of this drainer among others of the account. */
  readonly drainer: string | undefined;
  readonly cluster: string | undefined;
};

/**
 * The fields that turn the log line of this event into embedded metric format, from which CloudWatch Logs extracts metrics.
 * No fields for an event without metrics.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * @param drainer the name of this drainer; undefined: it has none
 * @param action of the run, once it was found
 * @param now milliseconds since the epoch
 */
export function metricsOf(
  event: RunEvent,
  drainer: string | undefined,
  action: Omit<Dimensions, 'drainer'> | undefined,
  now: number,
): Readonly<Record<string, unknown>> {
  switch (event.type) {
    case 'summary': {
      const { cluster } = event.summary;
      return embed(drainMetrics(event.summary), { drainer, cluster }, now);
    }
    case 'action ending soon':
      return action === undefined ? {} : embed({ ActionsNearEnd: 1 }, { drainer, cluster: action.cluster }, now);
    case 'heartbeat failed':
      return action === undefined ? {} : embed({ HeartbeatsFailed: 1 }, { drainer, cluster: action.cluster }, now);
    case 'pods held':
      if (!event.hold.needsChange || event.dryRun) return {};
      return embed({ HoldsToMend: 1 }, { drainer, cluster: action?.cluster }, now);
    case 'drain still waiting':
      // Also of a retained instance, and of one that EC2 has announced to end: neither has an action.
      return embed({ OldestDrainMinutes: event.minutes }, { drainer, cluster: action?.cluster }, now);
    case 'sweep summary':
      return embed(sweepMetrics(event.summary), { drainer, cluster: event.cluster }, now);
    default:
      return {};
  }
}

function drainMetrics(summary: Summary): Values {
  if (!concernsAction(summary)) return {};
  const success = successOf(summary);
  const drainSeconds = summary.seconds['drain'];
  return {
    PodsEvicted: summary.pods.evicted,
    ...(summary.result === 'node missing' && { NodesMissing: 1 }),
    ...(summary.result === 'cluster unknown' && { ClustersUnknown: 1 }),
    ...(success !== undefined && {
      DrainsSucceeded: success ? 1 : 0,
      DrainsFailed: success ? 0 : 1,
    }),
    // The durations of a drain that was handed over are only a part: they would lower the averages.
    ...(success !== undefined &&
      drainSeconds !== undefined && { DrainSeconds: drainSeconds, BlockedSeconds: summary.blockedSeconds }),
  };
}

/**
 * Did the run concern an instance of this cluster that ends? A run that failed before it found a lifecycle action did, and one
 * that drained an instance whose end EC2 has announced. An instance of another cluster must not be counted, and billed, here.
 */
function concernsAction({ targetKind, reason, result, hook, exitCode, lost }: Summary): boolean {
  if (targetKind !== 'instance' || result === 'dry run' || result === 'instance of another cluster') return false;
  const isAnnounced = reason !== 'termination' && (result === 'drained' || lost.length > 0);
  return hook !== 'none' || exitCode === 1 || isAnnounced;
}

/** Whether the drain succeeded or failed; undefined for a run that did neither: it was stopped, or had nothing to drain. */
function successOf({ result, exitCode, lost }: Summary): boolean | undefined {
  // With 'action ended', the instance was terminated while pods remained.
  if (exitCode === 1 || result === 'action ended') return false;
  // The node was deleted during the drain, and the pods with it.
  if (result === 'no node' && lost.length > 0) return false;
  // The operator chose the deadline; the summary names the pods that it costs.
  return result === 'drained' || result === 'deadline' ? true : undefined;
}

function sweepMetrics(summary: SweepSummary): Values {
  const { waiting, retained, clustersUnknown, started, refused, groupsWithoutHook } = summary;
  return {
    InstancesWaiting: waiting,
    InstancesRetained: retained,
    ClustersUnknown: clustersUnknown,
    TasksStarted: started,
    TasksRefused: refused,
    ...(groupsWithoutHook !== undefined && { GroupsWithoutHook: groupsWithoutHook }),
  };
}

/** The metrics, their dimensions, and the metadata that declares both. */
function embed(values: Values, { drainer, cluster }: Dimensions, now: number): Readonly<Record<string, unknown>> {
  const names = Object.keys(values).filter((name): name is MetricName => name in METRICS);
  const dimensions = [...(drainer === undefined ? [] : [['Drainer']]), ...(cluster === undefined ? [] : [['Cluster']])];
  if (names.length === 0 || dimensions.length === 0) return {};
  return {
    ...values,
    ...(drainer !== undefined && { Drainer: dimensionValue(drainer) }),
    ...(cluster !== undefined && { Cluster: dimensionValue(cluster) }),
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        {
          Namespace: NAMESPACE,
          Dimensions: dimensions,
          Metrics: names.map((Name) => ({ Name, Unit: METRICS[Name] })),
        },
      ],
    },
  };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html */
const MAX_VALUE_LENGTH = 1_024;

/**
 * A name as the value of a CloudWatch dimension: printable ASCII, not blank, 1 to 1024 characters. Other characters are
 * percent-encoded, so that different names stay different; longer values are truncated.
 */
export function dimensionValue(name: string): string {
  const encoded = name.toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent);
  const visible = encoded.trim() === '' ? encoded.replaceAll(' ', '%20') : encoded;
  return visible.slice(0, MAX_VALUE_LENGTH) || 'none';
}

/** The names that are encoded in CloudWatch, each with its dimension value. */
export function encodedNames(
  names: readonly (string | undefined)[],
): { readonly name: string; readonly value: string }[] {
  return names
    .filter((name) => name !== undefined)
    .map((name) => ({ name, value: dimensionValue(name) }))
    .filter(({ name, value }) => name !== value);
}
