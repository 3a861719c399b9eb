/** Warn when this fraction of the lifecycle action's time has passed. */
const WARN_FRACTION = 0.9;

/** A task that continues a drain after its deadline gets this long to list the remaining pods, and report them. */
const MIN_DRAIN_MS = 1_000;

/**
 * Every instant of a drain, in milliseconds since the epoch. Worked out once, when the drain starts in this task, because a
 * wait for capacity before it must not use up the deadline. Every step receives the same timeline, so that no two steps disagree
 * about when the action ends.
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
    /** From then on, the remaining pods are evicted without regard to their order. */
    readonly lastResortAt: number;
    /** When the action ends, with or without heartbeats. */
    readonly endsAt: number;
  };
};

/** What the timeline is worked out from. Instants are milliseconds since the epoch; `undefined`: unknown. */
export type TimeSources = {
  /** When the drain starts, or continues, in this task. */
  readonly now: number;
  /** When this task started. */
  readonly taskStartedAt: number;
  /** When the action started, according to the event. */
  readonly eventTime: number | undefined;
  /** When the action started, according to Auto Scaling. */
  readonly actionStartedAt: number | undefined;
  /** When the drain started, according to the predecessor of this task. */
  readonly drainStartedAt: number | undefined;
  /** The global timeouts of the pending lifecycle hooks, in seconds. The action ends with the shortest. */
  readonly globalTimeouts: readonly number[];
};

export type Durations = {
  readonly doNotDisruptMs: number;
  readonly lastResortMs: number;
  /** Absent: no deadline. */
  readonly drainDeadlineMs?: number;
};

/**
 * Works out the timeline. An instant in the future comes from a wrong clock: the drain then starts now, and the action started
 * with this task. So does an action whose start is unknown, unless a predecessor knows when the drain started.
 */
export function timelineOf(sources: TimeSources, durations: Durations): Timeline {
  const { now, taskStartedAt, eventTime, actionStartedAt, globalTimeouts } = sources;
  const drainStartedAt = Math.min(now, sources.drainStartedAt ?? now);
  const { doNotDisruptMs, lastResortMs, drainDeadlineMs } = durations;
  return {
    drainStartedAt,
    doNotDisruptUntil: drainStartedAt + doNotDisruptMs,
    ...(drainDeadlineMs !== undefined && {
      deadlineAt: Math.max(drainStartedAt + drainDeadlineMs, now + MIN_DRAIN_MS),
    }),
    ...(globalTimeouts.length > 0 && {
      action: timesOfAction(
        Math.min(taskStartedAt, eventTime ?? actionStartedAt ?? sources.drainStartedAt ?? taskStartedAt),
        Math.min(...globalTimeouts) * 1000,
        lastResortMs,
      ),
    }),
  };
}

function timesOfAction(startedAt: number, durationMs: number, lastResortMs: number): NonNullable<Timeline['action']> {
  const endsAt = startedAt + durationMs;
  return { startedAt, warnAt: startedAt + durationMs * WARN_FRACTION, lastResortAt: endsAt - lastResortMs, endsAt };
}
