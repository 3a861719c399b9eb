import type { Clock } from '../../app/lib/clock.ts';

/** Work that takes more turns than this without any time passing is a loop that spins. */
const MOST_TURNS = 5_000;

type Sleeper = { readonly at: number; readonly wake: () => void };

/** Looks at nothing happening for this many turns of the event loop before it believes that everybody waits. */
const QUIET_TURNS = 3;

/**
 * Time that a test moves by hand. Whoever works on this clock's time looks at it or sleeps on it, so when nobody has done
 * either for some turns of the event loop, everybody waits, and time may go on.
 */
export class HandClock implements Clock {
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

  /** Milliseconds since this clock was made. */
  get elapsed(): number {
    return this.#now - this.startedAt;
  }

  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    this.#uses++;
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      this.#sleepers.delete(sleeper);
      reject(signal.reason);
    };
    const sleeper: Sleeper = {
      at: this.#now + Math.max(0, ms),
      wake: () => {
        signal.removeEventListener('abort', leave);
        resolve();
      },
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#sleepers.add(sleeper);
    return promise;
  };

  /** How many wait for time to pass. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Moves time on by `ms`, waking each sleeper at its own time. */
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

  /** Moves time on from sleeper to sleeper until `work` is done. Rejects when that takes longer than `withinMs`. */
  async until<T>(work: Promise<T>, withinMs: number): Promise<T> {
    let done = false;
    const end = () => {
      done = true;
    };
    work.then(end, end);
    const limit = this.#now + withinMs;
    for (await this.settle(); !done; await this.settle()) {
      const next = this.#next();
      if (next === undefined) throw new Error('nobody waits for time, and the work is not done');
      if (next.at > limit) throw new Error(`the work is not done after ${withinMs} ms`);
      this.#wake(next);
    }
    return work;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; quiet++, turns++) {
      if (turns > MOST_TURNS) throw new Error('whoever works here never comes to rest: it is a loop without a pause');
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

  /** Moves time on to this sleeper's, and wakes everybody whose time has come. */
  #wake(first: Sleeper): void {
    this.#now = Math.max(this.#now, first.at);
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.at > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}
