import type { Hold, HoldCause, Report } from '../events.ts';
import { durationText, type ReportedHold } from './hold.ts';

/** Of these it is certain from the start that only a change ends them. */
const CERTAIN: ReadonlySet<HoldCause> = new Set(['structural', 'several budgets']);

const CERTAIN_AFTER_MS = 10_000;
/** Shorter holds are how every drain goes. */
const OTHERS_AFTER_MS = 30_000;
/** A hold that ends and begins again is reported once in this time. */
const AGAIN_AFTER_MS = 600_000;

/** Reports each hold once, when it has lasted for a while, and its end. A hold whose cause has changed is another one. */
export class HoldReports {
  readonly #report: Report;
  #open: ReadonlyMap<string, ReportedHold> = new Map();
  readonly #reported = new Set<string>();
  /** When each hold was last reported, by its key. */
  readonly #reportedAt = new Map<string, number>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** When the next hold has lasted long enough to be reported, if nothing changes before. Infinity: none. */
  get nextAt(): number {
    return Math.min(
      ...[...this.#open].filter(([key]) => !this.#reported.has(key)).map(([key, hold]) => this.#dueAt(key, hold)),
    );
  }

  /** @param holds all that hold now, by a key that tells one from the others */
  update(holds: ReadonlyMap<string, ReportedHold>, now: number): void {
    for (const [key, hold] of this.#open) if (!holds.has(key)) this.#ended(key, hold, now, true);
    for (const [key, { cause, by }] of holds) {
      if (!this.#open.has(key)) this.#report({ type: 'hold began', cause, by });
    }
    this.#open = holds;
    for (const [key, hold] of holds) {
      if (this.#reported.has(key) || now < this.#dueAt(key, hold)) continue;
      this.#reported.add(key);
      this.#reportedAt.set(key, now);
      this.#report({ type: 'pods held', hold: hold.describe(now), heldMs: now - hold.since });
    }
  }

  /** The wait is over, whatever still holds. */
  end(now: number): void {
    for (const [key, hold] of this.#open) this.#ended(key, hold, now, false);
    this.#open = new Map();
  }

  #ended(key: string, { cause, by, owner, since }: ReportedHold, now: number, isNews: boolean): void {
    const reported = this.#reported.delete(key) && isNews;
    this.#report({ type: 'hold ended', cause, by, ...(owner && { owner }), heldMs: now - since, reported });
  }

  #dueAt(key: string, { cause, since }: ReportedHold): number {
    const again = (this.#reportedAt.get(key) ?? Number.NEGATIVE_INFINITY) + AGAIN_AFTER_MS;
    return Math.max(since + (CERTAIN.has(cause) ? CERTAIN_AFTER_MS : OTHERS_AFTER_MS), again);
  }
}

/**
 * A hold of the node itself, for waits that are not about pods: its volumes, its load balancers, its turn.
 * @param what for people, without how long it has lasted
 */
export function holdOfNode(
  cause: HoldCause,
  by: string,
  what: string,
  remedy: string,
  since: number,
): ReadonlyMap<string, ReportedHold> {
  const describe = (now: number): Hold => ({
    cause,
    by,
    pods: [],
    since,
    text: `${what}${durationText(now - since)}`,
    remedy,
    needsChange: false,
    budgets: [],
  });
  return new Map([[`${cause}\n${by}`, { cause, by, since, describe }]]);
}
