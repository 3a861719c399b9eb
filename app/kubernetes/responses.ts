import type { Dispatcher } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { explain, Failure } from '../lib/errors.ts';
import { textOf } from './bodies.ts';
import { type Call, describeCall, permissionOf } from './call.ts';
import { ApiError, DEFAULT_RETRY_AFTER_MS, denyingWebhook, isFlowControl, isRbacDenial } from './errors.ts';

export type ResponsePolicyOptions = {
  readonly clock: Clock;
  /** Called when the API server demands a pause. */
  readonly onThrottled: (pauseMs: number) => void;
};

/**
 * What a response means for the calls that follow: the pause that flow control demands, and whether an error response is final
 * or transient.
 */
export class ResponsePolicy {
  readonly #options: ResponsePolicyOptions;
  readonly #grace = new DenialGrace();
  #pausedUntil = 0;
  /** Has the API server accepted a call? */
  #hasAccepted = false;

  constructor(options: ResponsePolicyOptions) {
    this.#options = options;
  }

  /** Resolves when the pause that flow control demanded is over. */
  async waitForRetryAfter(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (clock.now() < this.#pausedUntil) await clock.sleep(this.#pausedUntil - clock.now(), signal);
  }

  /** There was no response. */
  markUnavailable(): void {
    this.#grace.markUnavailable(this.#options.clock.now());
  }

  /** @throws ApiError when the response is not 2xx; a transient Failure when the refusal may be temporary */
  async check(call: Call, response: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
    const { clock, onThrottled } = this.#options;
    if (response.statusCode >= 200 && response.statusCode < 300) {
      this.#grace.markAllowed(call);
      this.#hasAccepted = true;
      return response;
    }
    const error = await readErrorResponse(describeCall(call), response, call.signal);
    if (error.code >= 500 && denyingWebhook(error) === undefined) this.markUnavailable();
    if (isFlowControl(error) && call.lowPriority !== true) {
      const pauseMs = error.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS;
      this.#pausedUntil = Math.max(this.#pausedUntil, clock.now() + pauseMs);
      onThrottled(pauseMs);
    }
    // A proxy on the way can refuse calls for a while: its response does not end a drain.
    if (this.#hasAccepted && error.status === undefined && !error.transient) {
      throw new Failure(`${error.message} (not a response of the API server; retrying)`, {
        cause: error,
        transient: true,
      });
    }
    if (!isRbacDenial(error) || !this.#grace.covers(call, clock.now())) throw error;
    throw new Failure(`${error.message} (possibly transient; retrying)`, { cause: error, transient: true });
  }
}

/** How long an unexpected denial counts as transient. */
export const DENIAL_GRACE_MS = 60_000;

/**
 * Decides which RBAC denials are final. An API server that has just started responds before it has loaded its roles, and denies
 * what it allows a second later. Every API server does so while a role is deleted and created again, as by an upgrade of a chart.
 * A denial of what was allowed before, or shortly after the server was unavailable, is therefore final only when it lasts. Any
 * other denial means that a permission is missing.
 */
export class DenialGrace {
  readonly #allowed = new Set<string>();
  readonly #deniedSince = new Map<string, number>();
  #unavailableAt = Number.NEGATIVE_INFINITY;

  markAllowed(call: Call): void {
    const permission = permissionOf(call);
    this.#allowed.add(permission);
    this.#deniedSince.delete(permission);
  }

  /** The server did not respond, or responded with 5xx. */
  markUnavailable(now: number): void {
    this.#unavailableAt = now;
  }

  /** Does a denial of this call count as transient? */
  covers(call: Call, now: number): boolean {
    const permission = permissionOf(call);
    const since = this.#deniedSince.get(permission);
    if (since !== undefined) return now - since < DENIAL_GRACE_MS;
    if (!this.#allowed.has(permission) && now - this.#unavailableAt >= DENIAL_GRACE_MS) return false;
    this.#deniedSince.set(permission, now);
    return true;
  }
}

/** Error responses are short. */
const MAX_ERROR_CHARS = 1024 * 1024;

/** Reads a response that is not 2xx as an error. Rejects only when aborted. */
export async function readErrorResponse(
  what: string,
  { statusCode, headers, body }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<ApiError> {
  const text = await textOf(body.setEncoding('utf8'), MAX_ERROR_CHARS).catch((error: unknown) => {
    if (signal.aborted) throw signal.reason;
    return explain(error); // the status code alone is an error already
  });
  const retryAfter = headers['retry-after'];
  return new ApiError(what, statusCode, jsonOrText(text), Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
