import type { RunEvent } from '../events.ts';

/** Something that goes wrong, and since when, in milliseconds since the epoch. */
export type Problem = { readonly message: string; readonly at: number };

/** A problem is over when its next retry is this long ago: a retry that succeeds is seldom reported. */
const RETRY_GRACE_MS = 15_000;

/** The problems of a run that still last, for the live view. */
export class ActiveProblems {
  #apiProblem: (Problem & { readonly until: number }) | undefined;
  readonly #heartbeatProblems = new Map<string, Problem>();

  /**
   * @param message the message of the event's log line
   * @param now milliseconds since the epoch
   */
  record(event: RunEvent, message: string, now: number): void {
    switch (event.type) {
      case 'retrying':
        this.#apiProblem = { message, at: now, until: now + event.retryInMs + RETRY_GRACE_MS };
        break;
      case 'throttled':
        this.#apiProblem = { message, at: now, until: now + event.pauseMs };
        break;
      case 'connected':
      case 'eviction accepted':
      case 'pod gone':
        this.#apiProblem = undefined;
        break;
      case 'heartbeat failed':
        this.#heartbeatProblems.set(event.hook, { message, at: now });
        break;
      case 'heartbeat':
      case 'hook ended':
      case 'hook completed':
        this.#heartbeatProblems.delete(event.hook);
        break;
    }
  }

  /** Heartbeats come first: without them the instance is terminated. */
  at(now: number): readonly Problem[] {
    const apiProblems = this.#apiProblem !== undefined && now < this.#apiProblem.until ? [this.#apiProblem] : [];
    return [...this.#heartbeatProblems.values(), ...apiProblems];
  }
}
