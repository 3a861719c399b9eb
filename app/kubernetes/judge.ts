import type { Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';
import { Failure } from '../failure.ts';
import { type Call, whatOf } from './call.ts';
import { refusalOf } from './refusal.ts';
import { Rights } from './rights.ts';
import { isFlowControl, isRbacDenial } from './status.ts';

export type JudgeEvents = {
  readonly clock: Clock;
  /** The API server asked for a pause. */
  readonly throttled: (forMs: number) => void;
};

/** What follows from the answers of an API server for the calls after them: the pause that flow control asks for, and doubt. */
export class Judge {
  readonly #events: JudgeEvents;
  readonly #rights = new Rights();
  #pausedUntil = 0;

  constructor(events: JudgeEvents) {
    this.#events = events;
  }

  /** Resolves when the server may be asked again. */
  async pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#events;
    while (clock.now() < this.#pausedUntil) await clock.sleep(this.#pausedUntil - clock.now(), signal);
  }

  /** There was no answer. */
  away(): void {
    this.#rights.away(this.#events.clock.now());
  }

  /** @throws ApiError when the answer is not 2xx; a passing Failure for a denial that may not be meant */
  async judge(call: Call, response: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
    const { clock, throttled } = this.#events;
    if (response.statusCode >= 200 && response.statusCode < 300) {
      this.#rights.allowed(call);
      return response;
    }
    const error = await refusalOf(whatOf(call), response, call.signal);
    if (error.code >= 500) this.away();
    if (isFlowControl(error) && call.dispensable !== true) {
      const forMs = error.retryAfterMs ?? 1_000;
      this.#pausedUntil = Math.max(this.#pausedUntil, clock.now() + forMs);
      throttled(forMs);
    }
    if (!isRbacDenial(error) || !this.#rights.doubts(call, clock.now())) throw error;
    throw new Failure(`${error.message} (it may not be meant so: it is asked again)`, { cause: error, passing: true });
  }
}
