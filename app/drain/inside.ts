import { setMaxListeners } from 'node:events';
import { API_BACKOFF, pauseMs } from '../backoff.ts';
import { type Clock, within } from '../clock.ts';
import { Denied } from '../failure.ts';
import type { Report } from '../report/event.ts';
import type { Surroundings } from '../surroundings.ts';
import { Bell } from './bell.ts';

/** What was asked is answered or given up in a turn or two; whatever heeds no abort is not waited for. */
const LAST_WORDS_MS = 500;

/** What the parts of one drain share: its loop is woken by `ring` and ended by `fail`, and outlived by nothing. */
export class Inside implements Surroundings {
  readonly clock: Clock;
  readonly report: Report;
  /** Aborts when the drain is over, however it ends. */
  readonly signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #bell = new Bell();
  readonly #underWay = new Set<Promise<void>>();

  constructor({ clock, report, signal: outer }: Surroundings) {
    this.clock = clock;
    this.report = report;
    this.signal = AbortSignal.any([outer, this.#over.signal]);
    setMaxListeners(0, this.signal);
  }

  readonly ring = (): void => this.#bell.ring();

  readonly fail = (error: unknown): void => this.#over.abort(error);

  /** Resolves at the next ring, or at `until` (milliseconds since the epoch); rejects with what ends the drain. */
  rung(until: number): Promise<void> {
    return this.#bell.heard(this.clock, until, this.signal);
  }

  /** Lets work go on beside the loop: when it fails, so does the drain, which does not end before it. */
  readonly beside = (work: Promise<unknown>): void => {
    const done: Promise<void> = work.then(() => undefined, this.fail).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  };

  /** Asks the API again, at capped intervals, until it answers. @throws Denied, or what ends the drain */
  readonly untilItWorks = async <T>(what: string, ask: () => Promise<T>): Promise<T> => {
    for (let failures = 1; ; failures++) {
      try {
        return await ask();
      } catch (error) {
        if (this.signal.aborted || error instanceof Denied) throw error;
        const inMs = pauseMs(API_BACKOFF, failures);
        this.report({ type: 'retrying', what, error, inMs });
        await this.clock.sleep(inMs, this.signal);
      }
    }
  };

  /** Ends what goes on beside the loop, and lets it say its last: an eviction that is answered just now was accepted all the same. */
  async end(): Promise<void> {
    this.#over.abort(new Error('the drain is over'));
    await within(this.clock, LAST_WORDS_MS, () => Promise.all(this.#underWay)).catch(() => undefined);
  }
}
