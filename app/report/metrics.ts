import type { RunEvent, Summary, SweepSummary } from '../events.ts';

export const NAMESPACE = 'NodeDrainer';

/** Every metric, with its unit. They are filed under Cluster; those of a drain also under Cluster and Group. */
export const METRICS = {
  /** How long evicting and waiting for the pods took. */
  DrainSeconds: 'Seconds',
  PodsEvicted: 'Count',
  /** For how long at least one pod was held up by a budget. */
  BlockedSeconds: 'Seconds',
  /** One by one as they fail: in the summary they would come when the instance is gone. */
  HeartbeatsFailed: 'Count',
  DrainsSucceeded: 'Count',
  DrainsFailed: 'Count',
  /** Lifecycle actions of whose life nine tenths are over. */
  ActionsNearEnd: 'Count',
  /** Instances that a sweep found waiting at the hook. */
  InstancesWaiting: 'Count',
  TasksStarted: 'Count',
  TasksRefused: 'Count',
} as const;

type MetricName = keyof typeof METRICS;
type Values = Partial<Record<MetricName, number>>;

/** What the metrics of a run are filed under. */
export type Dimensions = { readonly cluster: string; readonly group: string | undefined };

/**
 * What makes a log line one of the embedded metric format, from which CloudWatch Logs extracts metrics: the members that
 * are merged into the line of this event. None for an event that counts nothing.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * @param place where the run's lifecycle action was found, if one was
 * @param now milliseconds since the epoch
 */
export function metricsOf(
  event: RunEvent,
  place: Dimensions | undefined,
  now: number,
): Readonly<Record<string, unknown>> {
  switch (event.type) {
    case 'summary':
      return members(valuesOfDrain(event.summary), event.summary, now);
    case 'action ending soon':
      return place === undefined ? {} : members({ ActionsNearEnd: 1 }, place, now);
    case 'heartbeat failed':
      return place === undefined ? {} : members({ HeartbeatsFailed: 1 }, place, now);
    case 'sweep summary':
      return members(valuesOfSweep(event.summary), { cluster: event.cluster, group: undefined }, now);
    default:
      return {};
  }
}

function valuesOfDrain(summary: Summary): Values {
  if (!isOfAction(summary)) return {};
  const verdict = verdictOf(summary);
  const drainSeconds = summary.seconds['drain'];
  return {
    PodsEvicted: summary.pods.evicted,
    ...(verdict !== undefined && {
      DrainsSucceeded: verdict === 'succeeded' ? 1 : 0,
      DrainsFailed: verdict === 'failed' ? 1 : 0,
    }),
    // Of a drain that another one goes on with, they would be a part that looks like the whole.
    ...(verdict !== undefined &&
      drainSeconds !== undefined && { DrainSeconds: drainSeconds, BlockedSeconds: summary.blockedSeconds }),
  };
}

/**
 * Was the run about a lifecycle action of this cluster? One that failed before it found any was. A group of another
 * cluster would be filed, and billed, under this one.
 */
function isOfAction({ targetKind, result, hook, exitCode }: Summary): boolean {
  if (targetKind !== 'instance' || result === 'dry run' || result === 'instance of another cluster') return false;
  return hook !== 'none' || exitCode === 1;
}

/** Undefined for a run that ended before it could be either: stopped, or nothing to drain. */
function verdictOf({ result, exitCode, lost }: Summary): 'succeeded' | 'failed' | undefined {
  // The action's end took the instance before its pods had gone.
  if (exitCode === 1 || result === 'action ended') return 'failed';
  // Its node was deleted in mid-drain, and the pods with it.
  if (result === 'no node' && lost.length > 0) return 'failed';
  // The deadline is the owner's wish; what it costs is told as `lost`.
  return result === 'drained' || result === 'deadline' ? 'succeeded' : undefined;
}

function valuesOfSweep({ waiting, started, refused }: SweepSummary): Values {
  return { InstancesWaiting: waiting, TasksStarted: started, TasksRefused: refused };
}

/** The metrics, what they are filed under, and the metadata that names both. */
function members(values: Values, { cluster, group }: Dimensions, now: number): Readonly<Record<string, unknown>> {
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
const MOST_CHARACTERS = 1_024;

/**
 * A name as the value of a CloudWatch dimension: printable ASCII, not blank, 1 to 1024 characters. Everything else in it is
 * percent-encoded, so that names that differ go on to differ; what is too long is cut.
 */
export function dimensionValue(name: string): string {
  const encoded = name.toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent);
  const visible = encoded.trim() === '' ? encoded.replaceAll(' ', '%20') : encoded;
  return visible.slice(0, MOST_CHARACTERS) || 'none';
}

/** Those of these names that are called otherwise in CloudWatch, each with what it is called there. */
export function renamed(names: readonly (string | undefined)[]): { readonly name: string; readonly value: string }[] {
  return names
    .filter((name) => name !== undefined)
    .map((name) => ({ name, value: dimensionValue(name) }))
    .filter(({ name, value }) => name !== value);
}
