import { type Backoff, pauseMs } from './backoff.ts';
import { adviceOf, Failure } from './failure.ts';
import type { Surroundings } from './surroundings.ts';

const BACKOFF: Backoff = { firstMs: 250, mostMs: 5_000 };

/**
 * Tries again while trying can help (the failure says so: network, DNS, throttling, 5xx), for as long as the time allows.
 *
 * @param timeoutMs Infinity: until the signal aborts
 * @param what what is tried, for people: 'reach the cluster'
 * @throws Failure when the time is up; at once whatever no further try can mend
 */
export async function tryFor<T>(
  timeoutMs: number,
  what: string,
  work: () => Promise<T>,
  { clock, report, signal }: Surroundings,
): Promise<T> {
  const until = clock.now() + timeoutMs;
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!(error instanceof Failure && error.passing)) throw error;
      const leftMs = until - clock.now();
      if (leftMs <= 0) {
        throw new Failure(`could not ${what} within ${timeoutMs / 1000} s`, {
          advice:
            adviceOf(error) ?? 'see whether the network, the security groups and the credentials of the task allow it',
          cause: error,
        });
      }
      // The last try is made at the very end: what comes back just in time counts.
      const inMs = Math.min(pauseMs(BACKOFF, failures), leftMs);
      report({ type: 'retrying', what, error, inMs });
      await clock.sleep(inMs, signal);
    }
  }
}
