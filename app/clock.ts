import { setTimeout as timeout } from 'node:timers/promises';

/** Time as the drainer sees it. The composition root gives the real one, tests give one that they move themselves. */
export type Clock = {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
};

/** Node fires a timer at once when its delay does not fit 32 bits. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  async sleep(ms, signal) {
    signal.throwIfAborted();
    await timeout(Math.min(Math.max(ms, 0), LONGEST_TIMER_MS), undefined, { signal }).catch(() => {
      throw signal.reason;
    });
  },
};
