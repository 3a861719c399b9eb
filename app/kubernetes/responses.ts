import type { Dispatcher } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { explain, Failure } from '../lib/errors.ts';
import { textOf } from './bodies.ts';
import { type Call, describeCall, rightOf } from './call.ts';
import { ApiError, isFlowControl, isRbacDenial } from './errors.ts';

export type ResponsePolicyOptions = {
  readonly clock: Clock;
  /** The API server asked for a pause. */
  readonly throttled: (pauseMs: number) => void;
};

/** What follows from the answers of an API server for the calls after them: the pause that flow control asks for, and doubt. */
export class ResponsePolicy {
  readonly #events: ResponsePolicyOptions;
  readonly #rights = new DenialGrace();
  #pausedUntil = 0;
  /** Was there an answer of an API server yet? */
  #hasAnswered = false;

  constructor(events: ResponsePolicyOptions) {
    this.#events = events;
  }

  /** Resolves when the server may be asked again. */
  async pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#events;
    while (clock.now() < this.#pausedUntil) await clock.sleep(this.#pausedUntil - clock.now(), signal);
  }

  /** There was no answer. */
  markUnavailable(): void {
    this.#rights.markUnavailable(this.#events.clock.now());
  }

  /** @throws ApiError when the answer is not 2xx; a passing Failure for a denial that may not be meant */
  async check(call: Call, response: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
    const { clock, throttled } = this.#events;
    if (response.statusCode >= 200 && response.statusCode < 300) {
      this.#rights.allowed(call);
      this.#hasAnswered = true;
      return response;
    }
    const error = await readErrorResponse(describeCall(call), response, call.signal);
    if (error.code >= 500) this.markUnavailable();
    if (isFlowControl(error) && call.lowPriority !== true) {
      const pauseMs = error.retryAfterMs ?? 1_000;
      this.#pausedUntil = Math.max(this.#pausedUntil, clock.now() + pauseMs);
      throttled(pauseMs);
    }
    // A proxy on the way refuses in the server's stead for a while: its word does not end a drain.
    if (this.#hasAnswered && error.status === undefined && !error.transient) {
      throw new Failure(`${error.message} (not the answer of an API server)`, { cause: error, transient: true });
    }
    if (!isRbacDenial(error) || !this.#rights.inGrace(call, clock.now())) throw error;
    throw new Failure(`${error.message} (possibly transient; retrying)`, { cause: error, transient: true });
  }
}

/** For so long a denial is not believed when there is reason to doubt it. */
export const GRACE_MS = 60_000;

/**
 * Which denials are to be believed. An API server that has just started answers before it has read its roles, and denies what it
 * allows a second later; so does every server while a role is deleted and made again, as an upgrade of a chart does. A denial of
 * what was allowed before, or soon after the server was away, counts only when it lasts. Any other is a right that was forgotten.
 */
export class DenialGrace {
  readonly #allowed = new Set<string>();
  readonly #deniedSince = new Map<string, number>();
  #awayAt = Number.NEGATIVE_INFINITY;

  allowed(call: Call): void {
    const right = rightOf(call);
    this.#allowed.add(right);
    this.#deniedSince.delete(right);
  }

  /** The server did not answer, or answered that it cannot. */
  markUnavailable(now: number): void {
    this.#awayAt = now;
  }

  /** Is this denial to be doubted? */
  inGrace(call: Call, now: number): boolean {
    const right = rightOf(call);
    const since = this.#deniedSince.get(right);
    if (since !== undefined) return now - since < GRACE_MS;
    if (!this.#allowed.has(right) && now - this.#awayAt >= GRACE_MS) return false;
    this.#deniedSince.set(right, now);
    return true;
  }
}

/** What a refusal says for people is short. */
const LARGEST = 1024 * 1024;

/** The answer that is not 2xx, as an error. Rejects only when aborted. */
export async function readErrorResponse(
  what: string,
  { statusCode, headers, body }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<ApiError> {
  const text = await textOf(body.setEncoding('utf8'), LARGEST).catch((error: unknown) => {
    if (signal.aborted) throw signal.reason;
    return explain(error); // that the answer is no, its code says
  });
  const retryAfter = headers['retry-after'];
  return new ApiError(what, statusCode, parseOr(text), Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
