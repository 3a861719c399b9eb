import type { Report } from './events.ts';
import { type Backoff, backoffMs } from './lib/backoff.ts';
import type { Clock } from './lib/clock.ts';
import { adviceOf, Failure, isTransient } from './lib/errors.ts';
import type { Stopwatch } from './lib/stopwatch.ts';

/** Clock, event reporter and abort signal for anything that waits. */
export type Context = { readonly clock: Clock; readonly report: Report; readonly signal: AbortSignal };

/** The context of a run, whose phases are timed. */
export type TimedContext = Context & { readonly stopwatch: Stopwatch };

/** Between tries to reach AWS or a cluster. */
const DEFAULT_BACKOFF: Backoff = { firstMs: 250, maxMs: 5_000 };

export type RetryOptions = {
  /** What is tried, for people: 'reach the cluster'. */
  readonly what: string;
  /** Milliseconds after which the last try is made; Infinity: retry until the signal aborts. */
  readonly withinMs: number;
  readonly backoff?: Backoff;
};

/**
 * The one retry of the program: tries again after transient errors (network, DNS, throttling, 5xx) for as long as the time
 * allows. Everything else, a bug above all, is thrown at once.
 * @throws Failure when the time is up; whatever is not transient; the signal's reason
 */
export async function retry<T>(
  { what, withinMs, backoff = DEFAULT_BACKOFF }: RetryOptions,
  work: () => Promise<T>,
  { clock, report, signal }: Context,
): Promise<T> {
  const until = clock.now() + withinMs;
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isTransient(error)) throw error;
      const leftMs = until - clock.now();
      if (leftMs <= 0) {
        throw new Failure(`could not ${what} within ${withinMs / 1000} s`, {
          advice:
            adviceOf(error) ?? 'check that the network, the security groups and the credentials of the task allow it',
          cause: error,
        });
      }
      // The last try is made at the very end: a service that returns just in time counts.
      const retryInMs = Math.min(Math.max(backoffMs(backoff, failures), error.retryAfterMs ?? 0), leftMs);
      report({ type: 'retrying', operation: what, error, retryInMs });
      await clock.sleep(retryInMs, signal);
    }
  }
}
