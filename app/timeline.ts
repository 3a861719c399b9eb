/** Warn when this much of the lifecycle action's life is over. */
const WARN_FRACTION = 0.9;

/** A deadline that passed between two tasks gives the second one this long to see, and name, what is left. */
const MIN_DRAIN_MS = 1_000;

/**
 * Every instant of a drain, in milliseconds since the epoch, worked out once, when the drain starts in this task: a wait for
 * capacity before it must not use up the deadline. Every step receives the same timeline, so that no two of them disagree about
 * when the action ends.
 */
export type Timeline = {
  /** When this drain started, by this task or by the first of its predecessors. */
  readonly drainStartedAt: number;
  /** Until then, pods that ask not to be disrupted are not evicted. */
  readonly doNotDisruptUntil: number;
  /** When the drain's own time is up; absent: the drain takes as long as it takes. */
  readonly deadlineAt?: number;
  /** Absent when no lifecycle hook waits. */
  readonly action?: {
    readonly startedAt: number;
    readonly warnAt: number;
    /** From then on the remaining pods are evicted without regard to their order. */
    readonly lastResortAt: number;
    /** When the action ends, with or without heartbeats. */
    readonly endsAt: number;
  };
};

/** Where the instants come from. Instants are milliseconds since the epoch; `undefined`: unknown. */
export type TimeSources = {
  /** When the drain starts, or continues, in this task. */
  readonly now: number;
  /** When this task started. */
  readonly taskStartedAt: number;
  /** When the action started, as the event says. */
  readonly eventTime: number | undefined;
  /** When the action started, as Auto Scaling says. */
  readonly actionStartedAt: number | undefined;
  /** When the drain started, as the predecessor of this task says. */
  readonly drainStartedAt: number | undefined;
  /** The global timeouts of the pending lifecycle hooks, in seconds: the shortest counts. */
  readonly globalTimeouts: readonly number[];
};

export type Durations = {
  readonly doNotDisruptMs: number;
  readonly lastResortMs: number;
  /** Absent: the drain takes as long as it takes. */
  readonly drainDeadlineMs?: number;
};

/**
 * Works out the timeline. An instant in the future comes from a clock that is wrong, and counts as now. When nobody knows
 * when the action started, it started no later than the drain.
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
      action: actionTimes(
        Math.min(taskStartedAt, eventTime ?? actionStartedAt ?? sources.drainStartedAt ?? taskStartedAt),
        Math.min(...globalTimeouts) * 1000,
        lastResortMs,
      ),
    }),
  };
}

function actionTimes(startedAt: number, lifeMs: number, lastResortMs: number): NonNullable<Timeline['action']> {
  const endsAt = startedAt + lifeMs;
  return { startedAt, warnAt: startedAt + lifeMs * WARN_FRACTION, lastResortAt: endsAt - lastResortMs, endsAt };
}
