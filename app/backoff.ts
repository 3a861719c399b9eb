export type Backoff = { readonly firstMs: number; readonly mostMs: number };

/** How long to wait before a Kubernetes API call that failed is sent again. */
export const API_BACKOFF: Backoff = { firstMs: 250, mostMs: 15_000 };

/**
 * The pause before the next try, in milliseconds: doubled with each failure up to the cap, then shortened by up to half
 * at random, so that drainers which failed together do not come back together.
 * https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 *
 * @param failures how many tries have failed so far, at least 1
 * @param random a number in [0, 1)
 */
export function pauseMs({ firstMs, mostMs }: Backoff, failures: number, random: number = Math.random()): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return full * (1 - random / 2);
}
