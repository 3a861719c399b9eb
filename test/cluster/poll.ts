import { setTimeout as pause } from 'node:timers/promises';

const INTERVAL_MS = 50;

/**
 * Polls until `check` returns a value.
 * @param what the expected state, for the error message
 * @throws when there is no value within `withinMs`, with the last error of `check` as the cause
 */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | Promise<T | undefined>,
  withinMs = 30_000,
): Promise<T> {
  const until = Date.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= until) throw new Error(`not within ${withinMs / 1000} s: ${what}`, { cause });
    await pause(INTERVAL_MS);
  }
}
