import type { HoldCause, Totals } from '../events.ts';
import { toSeconds } from '../lib/clock.ts';

type Holder = { readonly cause: HoldCause; readonly by: string };

/** The summary names this many: a log line has to stay readable. */
const MAX_NAMED = 5;
/** Shorter ones are how every drain goes. */
const LEAST_MS = 1_000;

/** For how long each thing has held the node: at least one of its pods, or the node itself. Times are milliseconds since the epoch. */
export class HoldTotals {
  /** `open`: how many holds last that it causes, with different owners of the pods. */
  readonly #holders = new Map<string, Holder & { open: number; since: number; ms: number }>();

  began({ cause, by }: Holder, now: number): void {
    const key = `${cause}\n${by}`;
    const holder = this.#holders.get(key) ?? { cause, by, open: 0, since: now, ms: 0 };
    if (holder.open === 0) holder.since = now;
    holder.open++;
    this.#holders.set(key, holder);
  }

  ended({ cause, by }: Holder, now: number): void {
    const holder = this.#holders.get(`${cause}\n${by}`);
    if (holder === undefined || holder.open === 0) return;
    holder.open--;
    if (holder.open === 0) holder.ms += now - holder.since;
  }

  /** Those that have held the node longest. */
  longest(now: number): Totals['heldBy'] {
    return [...this.#holders.values()]
      .map(({ cause, by, open, since, ms }) => ({ by, cause, ms: open > 0 ? ms + now - since : ms }))
      .filter(({ ms }) => ms >= LEAST_MS)
      .sort((a, b) => b.ms - a.ms)
      .slice(0, MAX_NAMED)
      .map(({ by, cause, ms }) => ({ by, cause, seconds: toSeconds(ms) }));
  }
}
