import { type Dispatcher, request } from 'undici';
import type { Clock } from '../clock.ts';
import { explain } from '../failure.ts';
import { Items } from './items.ts';
import { ApiError, ApiUnreachable } from './status.ts';

/** How the API server is reached, and how the drainer proves who it is. */
export type Access = {
  readonly server: string;
  /** A way to the server that shares no connection with another one; whoever asks for it destroys it. */
  connect(): Dispatcher;
  /** The headers that authenticate a request; `fresh` after the API server refused the last ones. */
  authenticate(fresh: boolean, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
};

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';

export type Call = {
  readonly verb: Verb;
  /** Path and query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal: AbortSignal;
  /** Flow control that hits it slows down nothing else. */
  readonly dispensable?: boolean;
};

const METHODS = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', patch: 'PATCH', delete: 'DELETE' } as const;

/** The API server itself gives up on a request after 60 s. */
const ANSWER_WITHIN_MS = 30_000;
const WHOLE_ANSWER_WITHIN_MS = 60_000;
/** Bookmarks come about once a minute: a watch that is silent for longer has lost its connection. */
const WATCH_SILENT_MS = 90_000;

export type ApiEvents = {
  readonly clock: Clock;
  /** The API server asked for a pause. */
  readonly throttled: (forMs: number) => void;
};

/**
 * The Kubernetes API (HTTP/2 where the server offers it), with authentication, timeouts, a count of the requests by verb, and the
 * pause that flow control asks for. It does not retry: its callers know what for.
 *
 * Watches have a connection of their own. Behind the answers to fifty evictions their events would wait, and an API server closes
 * the watch of a client that seems slow.
 */
export class Api {
  readonly counts: Record<Verb, number> = { get: 0, list: 0, watch: 0, create: 0, patch: 0, delete: 0 };
  readonly server: string;
  readonly #access: Access;
  readonly #calls: Dispatcher;
  readonly #watches: Dispatcher;
  readonly #events: ApiEvents;
  #pausedUntil = 0;

  constructor(access: Access, events: ApiEvents) {
    this.server = access.server;
    this.#access = access;
    this.#calls = access.connect();
    this.#watches = access.connect();
    this.#events = events;
  }

  /**
   * One call and its answer, parsed.
   * @throws ApiError when the answer is not 2xx, ApiUnreachable when there is none, the signal's reason when aborted
   */
  async call(call: Call): Promise<unknown> {
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(WHOLE_ANSWER_WITHIN_MS)]);
    const { body } = await this.#send(call, signal, ANSWER_WITHIN_MS);
    return this.#reading(call, async () => parse(await body.text()));
  }

  /** One list: its items, each read while it arrives, and the list without them. Errors as `call`, and as `read`. */
  async list<T>(call: Call, read: (item: unknown) => T): Promise<{ items: T[]; list: unknown }> {
    const items = new Items(read);
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(WHOLE_ANSWER_WITHIN_MS)]);
    for await (const chunk of this.#chunks(call, signal, ANSWER_WITHIN_MS)) items.take(chunk);
    return items.end();
  }

  /** The lines of a watch. Ends when the server ends it; errors as `call`. */
  async *lines(call: Call): AsyncGenerator<string, void> {
    let rest = '';
    for await (const chunk of this.#chunks(call, call.signal, WATCH_SILENT_MS)) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield line;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#calls.destroy(), this.#watches.destroy()]);
  }

  async *#chunks(call: Call, signal: AbortSignal, timeoutMs: number): AsyncGenerator<string, void> {
    const { body } = await this.#send(call, signal, timeoutMs);
    const chunks = body.setEncoding('utf8')[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.#reading(call, () => chunks.next());
        if (done === true) return;
        yield String(value);
      }
    } finally {
      // Whoever stops listening lets the connection go.
      body.on('error', () => undefined).destroy();
    }
  }

  async #send(call: Call, signal: AbortSignal, timeoutMs: number): Promise<Dispatcher.ResponseData> {
    const first = await this.#sendOnce(call, signal, timeoutMs, false);
    if (first.statusCode !== 401) return this.#judge(call, first);
    // The credentials may have been rotated, or our clock may have drifted: once more with new ones.
    await first.body.dump();
    return this.#judge(call, await this.#sendOnce(call, signal, timeoutMs, true));
  }

  async #sendOnce(
    call: Call,
    signal: AbortSignal,
    timeoutMs: number,
    fresh: boolean,
  ): Promise<Dispatcher.ResponseData> {
    const { clock } = this.#events;
    while (clock.now() < this.#pausedUntil) await clock.sleep(this.#pausedUntil - clock.now(), call.signal);
    const headers = await this.#access.authenticate(fresh, call.signal);
    this.counts[call.verb]++;
    return this.#reading(call, () =>
      request(`${this.#access.server}${call.path}`, {
        dispatcher: call.verb === 'watch' ? this.#watches : this.#calls,
        method: METHODS[call.verb],
        headers: {
          ...headers,
          accept: 'application/json',
          'user-agent': 'fargate-node-drainer',
          ...(call.body !== undefined && { 'content-type': call.contentType ?? 'application/json' }),
        },
        ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal,
      }),
    );
  }

  async #judge(call: Call, response: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
    const { statusCode, headers, body } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    const text = await this.#reading(call, () => body.text());
    const retryAfter = headers['retry-after'];
    const error = new ApiError(
      whatOf(call),
      statusCode,
      parseOr(text),
      Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
    );
    if (isFlowControl(error) && call.dispensable !== true) {
      const forMs = error.retryAfterMs ?? 1_000;
      this.#pausedUntil = Math.max(this.#pausedUntil, this.#events.clock.now() + forMs);
      this.#events.throttled(forMs);
    }
    throw error;
  }

  async #reading<T>(call: Call, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (call.signal.aborted) throw call.signal.reason;
      if (cause instanceof ApiError) throw cause;
      throw new ApiUnreachable(`${whatOf(call)}: no answer from ${this.server} (${explain(cause)})`, cause);
    }
  }
}

/**
 * 429 says two things: a budget refuses (the cause says so), or the API server is busy.
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
export function isFlowControl(error: ApiError): boolean {
  return error.code === 429 && !error.hasCause('DisruptionBudget');
}

function whatOf({ verb, path }: Call): string {
  return `${verb} ${path.split('?')[0]}`;
}

function parse(text: string): unknown {
  return JSON.parse(text);
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
