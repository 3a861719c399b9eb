import { type Clock, within } from '../clock.ts';
import { untilAborted } from '../until-aborted.ts';
import type { Access } from './access.ts';

/** What proves to the API server who is asking. Times are milliseconds since the epoch. */
export type Credential = {
  readonly headers: Readonly<Record<string, string>>;
  /** From then on a new one is asked for; this one is still used when there is none to be had. */
  readonly renewAt: number;
  readonly expiresAt: number;
};

/** A new credential is not asked for more often than this, whatever was refused and whatever failed. */
const LEAST_PAUSE_MS = 1_000;
/** Longer than a provider's own tries take; a command that hangs is given up. */
const MADE_WITHIN_MS = 60_000;

/**
 * Keeps one credential for all requests and renews it before it expires, and when the API server refuses it: once for all
 * who ask at the same time. As long as the old one is good, nobody waits for the new one.
 *
 * @param make gets a new credential; its rejection is passed on only when the old one is of no more use
 */
export function renewing(make: (signal: AbortSignal) => Promise<Credential>, clock: Clock): Access['authenticate'] {
  let current: Credential | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let making: Promise<void> | undefined;

  const renew = async () => {
    try {
      const pause = triedAt + LEAST_PAUSE_MS - clock.now();
      if (pause > 0) await clock.sleep(pause, new AbortController().signal);
      current = await within(clock, MADE_WITHIN_MS, make);
    } finally {
      triedAt = clock.now();
      making = undefined;
    }
  };

  return async (refused, signal) => {
    const now = clock.now();
    // Of many requests that were refused together, the first has it replaced for all.
    const isNew = now - triedAt < LEAST_PAUSE_MS;
    const isGood = current !== undefined && now < current.expiresAt && (!refused || isNew);
    if (!isGood || (current !== undefined && now >= current.renewAt)) {
      making ??= renew();
      making.catch(() => undefined); // whoever needs it waits for it below
    }
    if (!isGood && making !== undefined) await untilAborted(making, signal);
    return current?.headers ?? {};
  };
}
