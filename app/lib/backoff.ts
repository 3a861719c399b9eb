export type Backoff = { readonly firstMs: number; readonly maxMs: number };

/** Between retries of a Kubernetes API call. */
export const API_BACKOFF: Backoff = { firstMs: 250, maxMs: 15_000 };

/**
 * Milliseconds before the next try: doubled with each failure up to the maximum, then shortened by up to half at random, so
 * that drainers which failed together do not retry together.
 * https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 *
 * @param failures how many tries have failed so far, at least 1
 * @param random a number in [0, 1)
 */
export function backoffMs({ firstMs, maxMs }: Backoff, failures: number, random: number = Math.random()): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return full * (1 - random / 2);
}
