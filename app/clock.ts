import { setTimeout as timeout } from 'node:timers/promises';

/** Time as the drainer sees it. The composition root gives the real one, tests give one that they move themselves. */
export type Clock = {
  /** Milliseconds since the epoch; never goes back. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
};

/** Node fires a timer at once when its delay does not fit 32 bits. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The time of the wall at the start, and what has passed since: a clock that is set right in the middle of a drain must not move a
 * deadline, nor give up a pod that has just been asked to end.
 */
export const systemClock: Clock = {
  now: () => Math.round(performance.timeOrigin + performance.now()),
  async sleep(ms, signal) {
    signal.throwIfAborted();
    await timeout(Math.min(Math.max(ms, 0), LONGEST_TIMER_MS), undefined, { signal }).catch(() => {
      throw signal.reason;
    });
  },
};

/**
 * Does the work with a signal that aborts after `ms` milliseconds, or together with `outer`, and waits no longer than that
 * for work which does not heed it.
 * @throws TimeoutError when the time is up; the outer signal's reason; whatever the work rejects with
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const limit = new AbortController();
  const signal = outer === undefined ? limit.signal : AbortSignal.any([outer, limit.signal]);
  const done = new AbortController();
  const timeUp = clock.sleep(ms, AbortSignal.any([done.signal, ...(outer === undefined ? [] : [outer])])).then(() => {
    limit.abort(new DOMException(`no answer within ${ms / 1000} s`, 'TimeoutError'));
    throw limit.signal.reason;
  });
  try {
    return await Promise.race([work(signal), timeUp]);
  } finally {
    timeUp.catch(() => undefined);
    done.abort();
  }
}
