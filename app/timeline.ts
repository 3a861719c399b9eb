/** Warn when this fraction of the lifecycle action's time has passed. */
const WARN_FRACTION = 0.9;

const MAX_ABANDON_MARGIN_MS = 300_000;

/** A task that continues a drain after its deadline gets this long to list the remaining pods, and report them. */
const MIN_DRAIN_MS = 1_000;

/** A pod that has no grace period gets one of this length when it is forced to leave. */
const MIN_GRACE_SECONDS = 1;

/**
 * Every instant of a drain, in milliseconds since the epoch, worked out once, before the drain starts in this task. Every step
 * receives the same timeline, so that no two of them disagree about when the action ends.
 */
export type Timeline = {
  /** When this drain started: in this task, or in the first of its predecessors. */
  readonly drainStartedAt: number;
  /** Until then, pods annotated as not to be disrupted are not evicted. */
  readonly doNotDisruptUntil: number;
  /** When `DRAIN_DEADLINE_SECONDS` are over; absent: no deadline. */
  readonly deadlineAt?: number;
  /** Absent when no lifecycle hook is pending. */
  readonly action?: {
    readonly startedAt: number;
    /** When the drain warns that the action ends soon. */
    readonly warnAt: number;
    /** When the action ends, with or without heartbeats. */
    readonly endsAt: number;
  };
  /** When the action is ended with ABANDON, because the group then retains the instance; absent: it is not. */
  readonly abandonAt?: number;
  /** When the instance ends whatever the pods do; absent: nothing ends it before the drain does. */
  readonly certainEnd?: CertainEnd;
};

/** The earliest of the action's end, the end that EC2 has announced, and the drain's own deadline. */
export type CertainEnd = {
  readonly at: number;
  /** Every pod is asked to end this long before its grace period would reach the end. */
  readonly marginMs: number;
};

/** What the timeline is worked out from. Instants are milliseconds since the epoch; `undefined`: unknown. */
export type TimeSources = {
  readonly now: number;
  /** When this task started. */
  readonly taskStartedAt: number;
  /** When the action started, according to the event, or else to Auto Scaling. */
  readonly actionStartedAt: number | undefined;
  /** When the drain started, according to the predecessor of this task. */
  readonly drainStartedAt: number | undefined;
  /** The global timeouts of the pending lifecycle hooks, in seconds. The action ends with the shortest. */
  readonly globalTimeouts: readonly number[];
  /** When EC2 ends the instance, according to its event. */
  readonly instanceEndsAt?: number | undefined;
  /** Does the group retain the instance when its action ends with ABANDON? Then the action's end is no end of the pods. */
  readonly isRetained?: boolean;
};

export type Durations = {
  readonly doNotDisruptMs: number;
  readonly lastResortMs: number;
  /** Absent: no deadline. */
  readonly drainDeadlineMs?: number;
};

/**
 * Works out the timeline. An instant in the future comes from a clock that is wrong, and counts as now. When the start of
 * the action is unknown, it started no later than the drain.
 * @param onDeadline with `force` the drain continues after its deadline, which therefore is no end of the pods
 */
export function timelineOf(
  sources: TimeSources,
  { doNotDisruptMs, lastResortMs, drainDeadlineMs }: Durations,
  onDeadline: 'continue' | 'abandon' | 'force',
): Timeline {
  const { now, taskStartedAt, actionStartedAt, globalTimeouts, instanceEndsAt, isRetained = false } = sources;
  const drainStartedAt = Math.min(now, sources.drainStartedAt ?? now);
  const deadlineAt =
    drainDeadlineMs === undefined ? undefined : Math.max(drainStartedAt + drainDeadlineMs, now + MIN_DRAIN_MS);
  const known =
    globalTimeouts.length === 0
      ? undefined
      : actionTimes(
          Math.min(taskStartedAt, actionStartedAt ?? sources.drainStartedAt ?? taskStartedAt),
          Math.min(...globalTimeouts) * 1000,
        );
  const action = isRetained ? undefined : known;
  const ends = [action?.endsAt, instanceEndsAt, onDeadline === 'force' ? undefined : deadlineAt].filter(
    (end) => end !== undefined,
  );
  return {
    drainStartedAt,
    doNotDisruptUntil: drainStartedAt + doNotDisruptMs,
    ...(deadlineAt !== undefined && { deadlineAt }),
    ...(action !== undefined && { action }),
    ...(isRetained && known !== undefined && { abandonAt: abandonmentOf(known) }),
    ...(ends.length > 0 && { certainEnd: { at: Math.min(...ends), marginMs: lastResortMs } }),
  };
}

/** Early enough for some failed tries, and for a clock that is a little wrong. */
function abandonmentOf({ startedAt, endsAt }: NonNullable<Timeline['action']>): number {
  return endsAt - Math.min(MAX_ABANDON_MARGIN_MS, (endsAt - startedAt) * (1 - WARN_FRACTION));
}

function actionTimes(startedAt: number, lifeMs: number): NonNullable<Timeline['action']> {
  return { startedAt, warnAt: startedAt + lifeMs * WARN_FRACTION, endsAt: startedAt + lifeMs };
}

/**
 * When a pod is asked to end at the latest, so that it has its whole grace period before the instance ends. Karpenter does so,
 * too: https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/controllers/node/termination/terminator/terminator.go
 * @param graceSeconds the pod's own grace period
 * @returns milliseconds since the epoch; Infinity without a certain end
 */
export function latestTermination(certainEnd: CertainEnd | undefined, graceSeconds: number): number {
  if (certainEnd === undefined) return Number.POSITIVE_INFINITY;
  return certainEnd.at - Math.max(graceSeconds, MIN_GRACE_SECONDS) * 1000 - certainEnd.marginMs;
}
