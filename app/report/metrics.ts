import type { RunEvent, Summary, SweepSummary } from '../events.ts';

export const NAMESPACE = 'NodeDrainer';

/** Every metric, with its unit. All have the dimension Cluster; those of a drain also the dimensions Cluster and Group. */
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
  /** Instances that wait at the hook during a sweep. */
  InstancesWaiting: 'Count',
  /** Instances without a node that are old enough to have joined the cluster. */
  NodesMissing: 'Count',
  TasksStarted: 'Count',
  TasksRefused: 'Count',
} as const;

type MetricName = keyof typeof METRICS;
type Values = Partial<Record<MetricName, number>>;

/** The dimensions of the metrics of a run. */
export type Dimensions = { readonly cluster: string; readonly group: string | undefined };

/**
 * The fields that turn the log line of this event into embedded metric format, from which CloudWatch Logs extracts metrics.
 * No fields for an event without metrics.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * @param dimensions of the run's lifecycle action, once it was found
 * @param now milliseconds since the epoch
 */
export function metricsOf(
  event: RunEvent,
  dimensions: Dimensions | undefined,
  now: number,
): Readonly<Record<string, unknown>> {
  switch (event.type) {
    case 'summary':
      return embed(drainMetrics(event.summary), event.summary, now);
    case 'action ending soon':
      return dimensions === undefined ? {} : embed({ ActionsNearEnd: 1 }, dimensions, now);
    case 'heartbeat failed':
      return dimensions === undefined ? {} : embed({ HeartbeatsFailed: 1 }, dimensions, now);
    case 'sweep summary':
      return embed(sweepMetrics(event.summary), { cluster: event.cluster, group: undefined }, now);
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
 * Did the run concern a lifecycle action of this cluster? A run that failed before it found one did. An instance of another
 * cluster must not be counted, and billed, here.
 */
function concernsAction({ targetKind, result, hook, exitCode }: Summary): boolean {
  if (targetKind !== 'instance' || result === 'dry run' || result === 'instance of another cluster') return false;
  return hook !== 'none' || exitCode === 1;
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

function sweepMetrics({ waiting, started, refused }: SweepSummary): Values {
  return { InstancesWaiting: waiting, TasksStarted: started, TasksRefused: refused };
}

/** The metrics, their dimensions, and the metadata that declares both. */
function embed(values: Values, { cluster, group }: Dimensions, now: number): Readonly<Record<string, unknown>> {
  const names = Object.keys(values).filter((name): name is MetricName => name in METRICS);
  if (names.length === 0) return {};
  return {
    ...values,
    Cluster: dimensionValue(cluster),
    ...(group !== undefined && { Group: dimensionValue(group) }),
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        {
          Namespace: NAMESPACE,
          Dimensions: group === undefined ? [['Cluster']] : [['Cluster', 'Group'], ['Cluster']],
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
