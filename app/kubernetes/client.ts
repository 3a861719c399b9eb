import { type Dispatcher, request } from 'undici';
import { explain, Failure } from '../lib/errors.ts';
import type { Access, ResolveAccess } from './access.ts';
import { LineSplitter, ListParser, readListMetadata, textOf } from './bodies.ts';
import { type Call, describeCall, messageOf, type Verb } from './call.ts';
import { Connections, type Route } from './connections.ts';
import { ApiError, ApiUnreachable, parseResponse } from './errors.ts';
import { ResponsePolicy, type ResponsePolicyOptions, readErrorResponse } from './responses.ts';
import { tlsFailureIn } from './tls-errors.ts';

/** The API server itself gives up on a request after 60 s. */
const ANSWER_WITHIN_MS = 30_000;
const WHOLE_ANSWER_WITHIN_MS = 60_000;
/** Bookmarks come about once a minute: a watch that is silent for longer has lost its connection. */
const WATCH_SILENT_MS = 90_000;
/** The API server ends a watch after the five minutes that we ask for; one that goes on for longer is none. */
const WATCH_WITHIN_MS = 600_000;

export type ClientOptions = ResponsePolicyOptions & {
  /** What the source of the access says now: asked when certificates or credentials are refused. */
  readonly resolveAccess: ResolveAccess;
};

/**
 * The Kubernetes API (HTTP/2 where the server offers it), with authentication, timeouts, limits on what an answer may take of our
 * memory, a count of the requests by verb, and the pause that flow control asks for. It does not retry what fails: its callers know
 * what for. What was refused for a certificate or credentials is sent again, once, with those that the source of the access has now.
 */
export class KubernetesClient {
  readonly counts: Record<Verb, number> = { get: 0, list: 0, watch: 0, create: 0, patch: 0, delete: 0 };
  readonly server: string;
  readonly #connections: Connections;
  readonly #judge: ResponsePolicy;

  constructor(access: Access, events: ClientOptions) {
    this.server = access.server;
    this.#connections = new Connections(access, events.resolveAccess, events.clock);
    this.#judge = new ResponsePolicy(events);
  }

  /**
   * One call and its answer, parsed.
   * @throws ApiError when the answer is not 2xx, ApiUnreachable when there is none, or none that can be read, the signal's reason
   *   when aborted
   */
  async call(call: Call): Promise<unknown> {
    const text = await this.#readingAll(call, () => textOf(this.#chunks(call, limited(call), ANSWER_WITHIN_MS)));
    return parseResponse(this.#answerTo(call), () => JSON.parse(text));
  }

  /** One list: its items, each read while it arrives, and what it says of itself. Errors as `call`. */
  async list<T>(
    call: Call,
    read: (item: unknown) => T,
  ): Promise<{ items: T[]; resourceVersion: string; more: string }> {
    const arriving = new ListParser(read);
    await this.#readingAll(call, async () => {
      for await (const chunk of this.#chunks(call, limited(call), ANSWER_WITHIN_MS)) arriving.push(chunk);
    });
    return parseResponse(this.#answerTo(call), () => {
      const { items, list } = arriving.end();
      return { items, ...readListMetadata(list) };
    });
  }

  /** The lines of a watch. Ends when the server ends it; errors as `call`. */
  async *lines(call: Call): AsyncGenerator<string, void> {
    const arriving = new LineSplitter();
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(WATCH_WITHIN_MS)]);
    for await (const chunk of this.#chunks(call, signal, WATCH_SILENT_MS)) {
      yield* parseResponse(this.#answerTo(call), () => arriving.push(chunk));
    }
    parseResponse(this.#answerTo(call), () => arriving.end());
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  #answerTo(call: Call): string {
    return `${describeCall(call)} at ${this.server}`;
  }

  /** Whatever is no failure of the way to the server is one of what arrived. */
  async #readingAll<T>(call: Call, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof Failure || call.signal.aborted) throw error;
      return parseResponse(this.#answerTo(call), () => {
        throw error;
      });
    }
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
    const route = this.#connections.current;
    const first = await this.#sendBy(route, call, signal, timeoutMs).catch(async (error: unknown) => {
      if (tlsFailureIn(error) === undefined || !(await this.#renew(call, route, error))) throw error;
      return undefined;
    });
    if (first !== undefined) {
      if (first.statusCode !== 401) return this.#judge.check(call, first);
      const refusal = await readErrorResponse(describeCall(call), first, call.signal);
      // A kubeconfig that was replaced, or a client certificate: they are not made anew with the headers.
      if (!(await this.#renew(call, route, refusal))) throw refusal;
    }
    return this.#judge.check(call, await this.#sendBy(this.#connections.current, call, signal, timeoutMs));
  }

  async #renew(call: Call, refused: Route, refusal: unknown): Promise<boolean> {
    try {
      return await this.#connections.renew(refused, call.signal);
    } catch (cause) {
      if (call.signal.aborted) throw call.signal.reason;
      throw new ApiUnreachable(`${explain(refusal)}; and how to reach it now could not be found out`, cause);
    }
  }

  async #sendBy(
    { access, calls, watches }: Route,
    call: Call,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Dispatcher.ResponseData> {
    const dispatcher = call.verb === 'watch' ? watches : calls;
    const message = messageOf(call);
    const send = async (fresh: boolean) => {
      await this.#judge.pause(call.signal);
      const headers = await access.authenticate(fresh, call.signal);
      this.counts[call.verb]++;
      return this.#reading(call, () =>
        request(`${this.server}${call.path}`, {
          ...message,
          dispatcher,
          headers: { ...headers, ...message.headers },
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          signal: deferAbort(signal),
        }),
      );
    };
    const first = await send(false);
    if (first.statusCode !== 401) return first;
    // The credentials may have been rotated, or our clock may have drifted: once more with new ones.
    await first.body.dump();
    return send(true);
  }

  async #reading<T>(call: Call, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (call.signal.aborted) throw call.signal.reason;
      if (cause instanceof ApiError) throw cause;
      this.#judge.markUnavailable();
      const distrust = tlsFailureIn(cause);
      const why = distrust === undefined ? explain(cause) : `${distrust.reason}: ${explain(cause)}`;
      throw new ApiUnreachable(
        `${describeCall(call)}: no answer from ${this.server} (${why})`,
        cause,
        distrust?.advice,
      );
    }
  }
}

function limited({ signal }: Call): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(WHOLE_ANSWER_WITHIN_MS)]);
}

/**
 * The same signal, one turn of the event loop later. A request that is aborted in the very turn in which it was written to an HTTP/2
 * connection can send Node into a native loop that takes all memory and heeds no signal: a drain that was denied while its first
 * evictions went out hung so in one of two tries, with Node 24.21 and undici 8.12.
 */
export function deferAbort(signal: AbortSignal): AbortSignal {
  if (signal.aborted) return signal;
  const later = new AbortController();
  signal.addEventListener('abort', () => setImmediate(() => later.abort(signal.reason)), { once: true });
  return later.signal;
}
