import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 50;

/**
 * Looks again and again until there is something to see.
 * @param what what is waited for, for the message of the failure
 * @throws when it is not there in time, with the last error of looking as the cause
 */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  withinMs = 30_000,
): Promise<T> {
  const until = Date.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= until) throw new Error(`not within ${withinMs / 1000} s: ${what}`, { cause });
    await pause(EVERY_MS);
  }
}
