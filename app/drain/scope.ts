import { setMaxListeners } from 'node:events';
import { type Context, retry } from '../context.ts';
import type { Report } from '../events.ts';
import { API_BACKOFF } from '../lib/backoff.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';

/** Requests in flight are answered or aborted within a turn or two; whatever ignores the abort is not waited for. */
const END_TIMEOUT_MS = 500;

/** What the parts of one drain share: each can wake its loop and end it, and none outlives it. */
export class DrainScope implements Context {
  readonly clock: Clock;
  readonly report: Report;
  /** Aborts when the drain is over, however it ends. */
  readonly signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #wakeSignal = new WakeSignal();
  readonly #tasks = new Set<Promise<void>>();

  constructor({ clock, report, signal: outer }: Context) {
    this.clock = clock;
    this.report = report;
    this.signal = AbortSignal.any([outer, this.#over.signal]);
    setMaxListeners(0, this.signal);
  }

  readonly wake = (): void => this.#wakeSignal.wake();

  readonly fail = (error: unknown): void => this.#over.abort(error);

  /** Resolves at the next wake, or at `until` (milliseconds since the epoch); rejects with what ends the drain. */
  nextWake(until: number): Promise<void> {
    return this.#wakeSignal.wait(this.clock, until, this.signal);
  }

  /** Runs a task beside the loop. When it fails, so does the drain, which does not end before the task. */
  readonly spawn = (task: Promise<unknown>): void => {
    const done: Promise<void> = task.then(() => undefined, this.fail).finally(() => this.#tasks.delete(done));
    this.#tasks.add(done);
  };

  /** Retries a call to the API until it answers. @throws whatever is not transient, or what ends the drain */
  readonly retryForever = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    retry({ what, withinMs: Number.POSITIVE_INFINITY, backoff: API_BACKOFF }, work, this);

  /** Ends the tasks, and lets them report their last: an eviction that is answered just now was still accepted. */
  async end(): Promise<void> {
    this.#over.abort(new Error('the drain is over'));
    await withTimeout(this.clock, END_TIMEOUT_MS, () => Promise.all(this.#tasks)).catch(() => undefined);
  }
}

/** Wakes a loop that looks at the state: however often it is woken before it looks, it looks once. */
export class WakeSignal {
  #woken = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#woken = true;
    this.#resolve?.();
  }

  /** Resolves when woken, now or before, or at `until` (milliseconds since the epoch); rejects when aborted. */
  async wait(clock: Clock, until: number | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#woken) {
      const done = new AbortController();
      const woken = new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
      const timer = clock.sleep(
        until === undefined ? Number.MAX_SAFE_INTEGER : until - clock.now(),
        AbortSignal.any([signal, done.signal]),
      );
      try {
        await Promise.race([woken, timer]);
      } finally {
        this.#resolve = undefined;
        timer.catch(() => undefined);
        done.abort();
      }
    }
    this.#woken = false;
    // Whatever arrives in the same turn is seen in the same look.
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
}

/** A task of a drain that runs once at most, beside the loop. */
export class Once {
  readonly #scope: DrainScope;
  readonly #task: ((context: Context) => Promise<void>) | undefined;
  #started = false;

  constructor(scope: DrainScope, task: ((context: Context) => Promise<void>) | undefined) {
    this.#scope = scope;
    this.#task = task;
  }

  start(): void {
    if (this.#started || this.#task === undefined) return;
    this.#started = true;
    this.#scope.spawn(this.#task(this.#scope).then(this.#scope.wake));
  }
}
