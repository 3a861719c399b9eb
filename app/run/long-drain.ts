import type { RunEvent } from '../events.ts';

/** A drain of less is nothing unusual. */
const LONG_MS = 10 * 60_000;
/** The period of a metric by which an alarm tells that a drain is stuck. */
const INTERVAL_MS = 5 * 60_000;

/** Reports a drain that has waited long, from time to time: a budget that allows no disruption blocks it until an operator acts. */
export class LongDrain {
  #reportedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param event what was just reported
   * @param drainStartedAt by this task or by a predecessor, in milliseconds since the epoch; undefined: it has not started
   * @returns what else to report
   */
  eventAfter(
    event: RunEvent,
    { drainStartedAt, group }: { readonly drainStartedAt: number | undefined; readonly group: string | undefined },
    now: number,
  ): RunEvent | undefined {
    if (event.type !== 'waiting for pods' || drainStartedAt === undefined) return undefined;
    if (now - drainStartedAt < LONG_MS || now - this.#reportedAt < INTERVAL_MS) return undefined;
    this.#reportedAt = now;
    const minutes = Math.floor((now - drainStartedAt) / 60_000);
    return { type: 'drain still waiting', minutes, group, remaining: event.remaining };
  }
}
