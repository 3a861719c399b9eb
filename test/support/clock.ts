import type { Clock } from '../../app/lib/clock.ts';

/** More turns of the event loop than this without time passing mean a busy loop. */
const MAX_TURNS = 5_000;

type Sleeper = { readonly at: number; readonly wake: () => void };

/** The code under test counts as idle when it has not used the clock for this many turns of the event loop. */
const QUIET_TURNS = 3;

/**
 * A clock that the test advances. Code that works reads the clock or sleeps on it. When no code has done
 * so for some turns of the event loop, all of it waits, and time may advance.
 */
export class ManualClock implements Clock {
  readonly startedAt: number;
  #now: number;
  #uses = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(iso = '2026-01-02T03:04:05Z') {
    this.#now = Date.parse(iso);
    this.startedAt = this.#now;
  }

  readonly now = (): number => {
    this.#uses++;
    return this.#now;
  };

  /** Milliseconds since the creation of this clock. */
  get elapsed(): number {
    return this.#now - this.startedAt;
  }

  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    this.#uses++;
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = () => {
      this.#sleepers.delete(sleeper);
      reject(signal.reason);
    };
    const sleeper: Sleeper = {
      at: this.#now + Math.max(0, ms),
      wake: () => {
        signal.removeEventListener('abort', cancel);
        resolve();
      },
    };
    signal.addEventListener('abort', cancel, { once: true });
    this.#sleepers.add(sleeper);
    return promise;
  };

  /** The number of sleeping callers. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Advances time by `ms`, and wakes each sleeper at its own time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await this.settle();
    for (let next = this.#next(); next !== undefined && next.at <= until; next = this.#next()) {
      this.#wake(next);
      await this.settle();
    }
    this.#now = until;
    await this.settle();
  }

  /** Advances time from sleeper to sleeper until `work` settles. @throws when that takes longer than `withinMs` */
  async until<T>(work: Promise<T>, withinMs: number): Promise<T> {
    let done = false;
    const end = () => {
      done = true;
    };
    work.then(end, end);
    const limit = this.#now + withinMs;
    for (await this.settle(); !done; await this.settle()) {
      const next = this.#next();
      if (next === undefined) throw new Error('no code sleeps, and the work is not done');
      if (next.at > limit) throw new Error(`the work is not done after ${withinMs} ms`);
      this.#wake(next);
    }
    return work;
  }

  /** Waits until all work that needs no time is done. */
  async settle(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; quiet++, turns++) {
      if (turns > MAX_TURNS) throw new Error('the code under test never becomes idle: it loops without a pause');
      const before = this.#uses;
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#uses !== before) quiet = -1;
    }
  }

  #next(): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) if (next === undefined || sleeper.at < next.at) next = sleeper;
    return next;
  }

  /** Advances time to this sleeper's, and wakes every sleeper that is due. */
  #wake(first: Sleeper): void {
    this.#now = Math.max(this.#now, first.at);
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.at > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}
