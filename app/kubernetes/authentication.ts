import type { Clock } from '../clock.ts';
import type { Access } from './api.ts';

/** What proves to the API server who is asking. Times are milliseconds since the epoch. */
export type Credential = {
  readonly headers: Readonly<Record<string, string>>;
  /** From then on a new one is asked for; this one is still used when there is none to be had. */
  readonly renewAt: number;
  readonly expiresAt: number;
};

/** Refused credentials are not replaced more often than this, however many requests were refused. */
const LEAST_AGE_MS = 1_000;

/**
 * Keeps one credential for all requests, renews it before it expires and when the API server refuses it, once for all who
 * ask at the same time.
 *
 * @param make gets a new credential; its rejection is passed on only when the old one is of no more use
 */
export function renewing(make: (signal: AbortSignal) => Promise<Credential>, clock: Clock): Access['authenticate'] {
  let current: (Credential & { madeAt: number }) | undefined;
  let making: Promise<void> | undefined;

  const renew = async (signal: AbortSignal) => {
    const credential = await make(signal);
    current = { ...credential, madeAt: clock.now() };
  };

  return async (fresh, signal) => {
    const now = clock.now();
    const refused = fresh && current !== undefined && now - current.madeAt >= LEAST_AGE_MS;
    if (current === undefined || refused || now >= current.renewAt) {
      making ??= renew(signal).finally(() => {
        making = undefined;
      });
      try {
        await making;
      } catch (error) {
        if (current === undefined || now >= current.expiresAt) throw error;
      }
    }
    return current?.headers ?? {};
  };
}
