import { setTimeout as timeout } from 'node:timers/promises';
import { Failure } from './errors.ts';

/** Time as the drainer sees it. `main.ts` passes the real clock; tests pass one that they move themselves. */
export type Clock = {
  /** Milliseconds since the epoch; never goes back. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
};

/** Node fires a timer at once when its delay does not fit 32 bits. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * The wall clock at the start of the process plus the time that has passed since. When NTP sets the wall clock in the middle
 * of a drain, no deadline moves.
 */
export const systemClock: Clock = {
  now: () => Math.round(performance.timeOrigin + performance.now()),
  async sleep(ms, signal) {
    signal.throwIfAborted();
    await timeout(Math.min(Math.max(ms, 0), MAX_TIMER_MS), undefined, { signal }).catch(() => {
      throw signal.reason;
    });
  },
};

/** There was no answer in time; the next call may get one. */
export class TimedOut extends Failure {
  constructor(ms: number) {
    super(`no answer within ${ms / 1000} s`, { transient: true });
  }
}

/**
 * Does the work with a signal that aborts after `ms` milliseconds, or together with `outer`. Work that ignores the signal is
 * not waited for.
 * @throws TimedOut when the time is up; the outer signal's reason; whatever the work rejects with
 */
export async function withTimeout<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const limit = new AbortController();
  const signal = outer === undefined ? limit.signal : AbortSignal.any([outer, limit.signal]);
  const done = new AbortController();
  const timeUp = clock.sleep(ms, AbortSignal.any([done.signal, ...(outer === undefined ? [] : [outer])])).then(() => {
    limit.abort(new TimedOut(ms));
    throw limit.signal.reason;
  });
  try {
    return await Promise.race([work(signal), timeUp]);
  } finally {
    timeUp.catch(() => undefined);
    done.abort();
  }
}

/** Milliseconds as seconds for people and metrics, rounded to tenths. */
export function toSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
