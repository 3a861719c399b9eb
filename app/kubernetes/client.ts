import { type Dispatcher, request } from 'undici';
import { explain, Failure } from '../lib/errors.ts';
import { ProxyFailure } from '../lib/tunnel.ts';
import type { Access, ResolveAccess } from './access.ts';
import { LineSplitter, type ListMetadata, ListParser, readListMetadata, textOf } from './bodies.ts';
import { type Call, describeCall, requestOf, type Verb } from './call.ts';
import { Connections, type Route } from './connections.ts';
import { ApiError, ApiUnreachable, asDenied, isNotFound, parseResponse } from './errors.ts';
import { ResponsePolicy, type ResponsePolicyOptions, readErrorResponse } from './responses.ts';
import { tlsFailureIn } from './tls-errors.ts';

/** No data for this long. The API server itself ends a request after 60 s. */
const IDLE_TIMEOUT_MS = 30_000;
const RESPONSE_TIMEOUT_MS = 60_000;
/** Bookmarks arrive about once a minute: a watch that is silent for longer has lost its connection. */
const WATCH_IDLE_TIMEOUT_MS = 90_000;
/** The API server ends a watch after the `timeoutSeconds` of the request, about five minutes: a longer one is not a watch. */
const WATCH_TIMEOUT_MS = 600_000;

export type ClientOptions = ResponsePolicyOptions & {
  /** Called when the API server's certificate is not trusted, or the API server refuses the credentials. */
  readonly resolveAccess: ResolveAccess;
};

/** A list whose items have been read. */
export type ListResponse<T> = ListMetadata & { readonly items: T[] };

/**
 * A client of the Kubernetes API (HTTP/2 where the server offers it): authentication, timeouts, size limits, a count of requests
 * by verb, and the pause that flow control demands. It does not retry errors, because only the caller knows whether a retry is
 * safe. There are two exceptions. After a 401 it sends the request again with new credentials. After another 401, or a TLS
 * failure, it reads the access from its source and sends the request once more.
 */
export class KubernetesClient {
  readonly counts: Record<Verb, number> = { get: 0, list: 0, watch: 0, create: 0, patch: 0, delete: 0 };
  readonly server: string;
  readonly #connections: Connections;
  readonly #policy: ResponsePolicy;

  constructor(access: Access, options: ClientOptions) {
    this.server = access.server;
    this.#connections = new Connections(access, options.resolveAccess, options.clock);
    this.#policy = new ResponsePolicy(options);
  }

  /**
   * Sends one call and parses its response.
   * @throws ApiError when the response is not 2xx, ApiUnreachable when there is no readable response, the signal's reason when
   *   aborted
   */
  async call(call: Call): Promise<unknown> {
    const text = await this.#readBody(call, () => textOf(this.#chunks(call, withinTimeout(call), IDLE_TIMEOUT_MS)));
    return parseResponse(this.#responseTo(call), () => JSON.parse(text));
  }

  /** Lists objects; reads each item as it arrives. Errors as `call`. */
  async list<T>(call: Call, read: (item: unknown) => T): Promise<ListResponse<T>> {
    const parser = new ListParser(read);
    await this.#readBody(call, async () => {
      for await (const chunk of this.#chunks(call, withinTimeout(call), IDLE_TIMEOUT_MS)) parser.push(chunk);
    });
    return parseResponse(this.#responseTo(call), () => {
      const { items, list } = parser.end();
      return { items, ...readListMetadata(list) };
    });
  }

  /** The lines of a watch, until the server ends it. Errors as `call`. */
  async *lines(call: Call): AsyncGenerator<string, void> {
    const splitter = new LineSplitter();
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(WATCH_TIMEOUT_MS)]);
    for await (const chunk of this.#chunks(call, signal, WATCH_IDLE_TIMEOUT_MS)) {
      yield* parseResponse(this.#responseTo(call), () => splitter.push(chunk));
    }
    parseResponse(this.#responseTo(call), () => splitter.end());
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  #responseTo(call: Call): string {
    return `${describeCall(call)} at ${this.server}`;
  }

  /** Turns errors in the content of the response (every error that is not a Failure) into UnreadableResponse. */
  async #readBody<T>(call: Call, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof Failure || call.signal.aborted) throw error;
      return parseResponse(this.#responseTo(call), () => {
        throw error;
      });
    }
  }

  async *#chunks(call: Call, signal: AbortSignal, idleTimeoutMs: number): AsyncGenerator<string, void> {
    const { body } = await this.#send(call, signal, idleTimeoutMs);
    const chunks = body.setEncoding('utf8')[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.#transfer(call, () => chunks.next());
        if (done === true) return;
        yield String(value);
      }
    } finally {
      // Release the connection when the consumer stops before the end.
      body.on('error', () => undefined).destroy();
    }
  }

  /** Sends the call; when its access is refused, renews the access and sends the call once more. */
  async #send(call: Call, signal: AbortSignal, idleTimeoutMs: number): Promise<Dispatcher.ResponseData> {
    const route = this.#connections.current;
    const first = await this.#sendOn(route, call, signal, idleTimeoutMs).catch(async (error: unknown) => {
      if (tlsFailureIn(error) === undefined || !(await this.#renewAccess(call, route, error))) throw error;
      return undefined;
    });
    if (first !== undefined) {
      if (first.statusCode !== 401) return this.#policy.check(call, first);
      const refusal = await readErrorResponse(describeCall(call), first, call.signal);
      // New headers alone do not replace a client certificate, or a kubeconfig in S3.
      if (!(await this.#renewAccess(call, route, refusal))) throw refusal;
    }
    return this.#policy.check(call, await this.#sendOn(this.#connections.current, call, signal, idleTimeoutMs));
  }

  /** Sends the call with current credentials; after a 401, once more with new ones. */
  async #sendOn(
    { access, calls, watches }: Route,
    call: Call,
    signal: AbortSignal,
    idleTimeoutMs: number,
  ): Promise<Dispatcher.ResponseData> {
    const dispatcher = call.verb === 'watch' ? watches : calls;
    const options = requestOf(call);
    const send = async (refused: boolean) => {
      await this.#policy.waitForRetryAfter(call.signal);
      const headers = await access.authenticate(refused, call.signal);
      this.counts[call.verb]++;
      return this.#transfer(call, () =>
        request(`${this.server}${call.path}`, {
          ...options,
          dispatcher,
          headers: { ...headers, ...options.headers },
          headersTimeout: idleTimeoutMs,
          bodyTimeout: idleTimeoutMs,
          signal: deferAbort(signal),
        }),
      );
    };
    const first = await send(false);
    if (first.statusCode !== 401) return first;
    // The credentials may have been rotated, or the local clock may have drifted.
    await first.body.dump();
    return send(true);
  }

  /** @returns false when the source was read just now: the refusal stands */
  async #renewAccess(call: Call, refused: Route, refusal: unknown): Promise<boolean> {
    try {
      return await this.#connections.renew(refused, call.signal);
    } catch (cause) {
      if (call.signal.aborted) throw call.signal.reason;
      throw new ApiUnreachable(`${explain(refusal)}; could not read the current endpoint and credentials`, cause);
    }
  }

  /** Turns network and TLS errors into ApiUnreachable. */
  async #transfer<T>(call: Call, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (call.signal.aborted) throw call.signal.reason;
      if (cause instanceof ApiError) throw cause;
      this.#policy.markUnavailable();
      if (cause instanceof ProxyFailure) {
        throw new Failure(`${describeCall(call)}: ${cause.message}`, { cause, transient: cause.transient });
      }
      const tlsFailure = tlsFailureIn(cause);
      const why = tlsFailure === undefined ? explain(cause) : `${tlsFailure.reason}: ${explain(cause)}`;
      throw new ApiUnreachable(
        `${describeCall(call)}: no response from ${this.server} (${why})`,
        cause,
        tlsFailure?.advice,
      );
    }
  }
}

function withinTimeout({ signal }: Call): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(RESPONSE_TIMEOUT_MS)]);
}

/**
 * The same signal, one turn of the event loop later. A request that is aborted in the same turn in which it was written to an
 * HTTP/2 connection can send Node into a native loop that fills the memory and ignores signals. With Node 24.21 and undici 8.12
 * every second drain that was denied during its first evictions hung like this.
 */
export function deferAbort(signal: AbortSignal): AbortSignal {
  if (signal.aborted) return signal;
  const deferred = new AbortController();
  signal.addEventListener('abort', () => setImmediate(() => deferred.abort(signal.reason)), { once: true });
  return deferred.signal;
}

/**
 * Reads one object of a collection; undefined when the API server says that this object does not exist.
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function getOptional(
  client: KubernetesClient,
  collection: string,
  name: string,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return await client.call({ verb: 'get', path: `${collection}/${encodeURIComponent(name)}`, signal });
  } catch (error) {
    if (isNotFound(error, name)) return undefined;
    throw asDenied(error);
  }
}
