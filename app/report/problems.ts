import type { RunEvent } from '../events.ts';

/** What went wrong, and when, in milliseconds since the epoch. */
export type Problem = { readonly message: string; readonly at: number };

/** No further failure within this time of the next try: it worked, or takes its time. */
const TRY_MS = 15_000;

/** What goes wrong at the moment, as far as anybody can tell: success is seldom told. */
export class ActiveProblems {
  #api: (Problem & { readonly until: number }) | undefined;
  readonly #beats = new Map<string, Problem>();

  /**
   * @param message the event in words
   * @param now milliseconds since the epoch
   */
  record(event: RunEvent, message: string, now: number): void {
    switch (event.type) {
      case 'retrying':
        this.#api = { message, at: now, until: now + event.retryInMs + TRY_MS };
        break;
      case 'throttled':
        this.#api = { message, at: now, until: now + event.pauseMs };
        break;
      case 'connected':
      case 'eviction accepted':
      case 'pod gone':
        this.#api = undefined;
        break;
      case 'heartbeat failed':
        this.#beats.set(event.hook, { message, at: now });
        break;
      case 'heartbeat':
      case 'hook ended':
      case 'hook completed':
        this.#beats.delete(event.hook);
        break;
    }
  }

  /** What has not been made up for, the heartbeats first: without them the instance goes. */
  at(now: number): readonly Problem[] {
    const api = this.#api !== undefined && now < this.#api.until ? [this.#api] : [];
    return [...this.#beats.values(), ...api];
  }
}
