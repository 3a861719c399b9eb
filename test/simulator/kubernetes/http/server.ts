import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { KubernetesFault, SimulatedRequest } from '../../faults.ts';
import { Listener, type Refusal } from '../../listener.ts';
import type { KeyPair } from '../certificate.ts';
import { ApiError, internalError } from '../model/status.ts';
import { type Api, answer } from './api.ts';
import { type Authenticate, authenticated } from './authentication.ts';
import { denial, isAllowed, type User } from './authorization.ts';
import { Exchange } from './exchange.ts';
import { headersOf, plainHeaders } from './headers.ts';
import { type RecordedRequest, recordOf } from './record.ts';
import { type RequestInfo, requestInfo } from './request-info.ts';

type Watching = { write(text: string): void; end(): void; reset(): void };

/** The front of the simulator: TLS, HTTP/1.1 and HTTP/2, faults, authentication and authorisation. */
export class ApiServer {
  readonly requests: RecordedRequest[] = [];
  readonly #api: Api;
  readonly #authenticate: Authenticate | undefined;
  readonly #server: Http2SecureServer;
  readonly #exchanges = new Set<Exchange>();
  readonly #watches = new Set<Watching>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #listener: Listener;

  constructor(api: Api, tls: KeyPair, authenticate: Authenticate | undefined) {
    this.#api = api;
    this.#authenticate = authenticate;
    const settings = { maxConcurrentStreams: 250 };
    this.#server = createSecureServer({ ...tls, allowHTTP1: true, settings }, (request, response) => {
      void this.#handle(request, response);
    });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
    });
    // Small answers must not wait for the client's delayed acknowledgements.
    this.#server.on('connection', (socket: Socket) => socket.setNoDelay(true));
    this.#listener = new Listener(this.#server, '127.0.0.1');
    api.faults.onOutage(() => {
      for (const exchange of this.#exchanges) exchange.reset();
    });
  }

  listen(port: number): Promise<number> {
    return this.#listener.open(port);
  }

  refuse(): Promise<Refusal> {
    this.#endSessions();
    return this.#listener.refuse();
  }

  /** Replaces the certificate and closes all connections, so that clients reconnect. */
  rotate(tls: KeyPair): void {
    this.#server.setSecureContext(tls);
    this.#endSessions();
    this.#listener.drop();
  }

  garbleWatches(text: string): void {
    for (const watch of [...this.#watches]) watch.write(text);
  }

  dropWatches(how: 'end' | 'reset'): void {
    for (const watch of [...this.#watches]) watch[how]();
  }

  async stop(): Promise<void> {
    this.#endSessions();
    await this.#listener.stop();
  }

  #endSessions(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async #handle(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response);
    this.#exchanges.add(exchange);
    exchange.onClose(() => this.#exchanges.delete(exchange));
    const url = new URL(request.url, 'https://simulator');
    const info = requestInfo(request.method, url.pathname, url.searchParams);
    const record = recordOf(info, request.httpVersion);
    this.requests.push(record);
    try {
      await this.#serve(exchange, request, url, info, record);
    } catch (error) {
      this.#fail(exchange, record, error);
    }
  }

  async #serve(
    exchange: Exchange,
    request: Http2ServerRequest,
    url: URL,
    info: RequestInfo,
    record: RecordedRequest,
  ): Promise<void> {
    const headers = plainHeaders(request);
    const body = await exchange.body();
    const user = await this.#userOf(headers['authorization'] ?? '', record);
    const simulated = { method: request.method, path: url.pathname, query: url.searchParams, headers, body };
    if (!(await this.#survives(exchange, simulated, record))) return;
    if (user instanceof ApiError) throw user;
    if (!isAllowed(this.#api.cluster, user, info)) throw denial(user, info);
    const reply = await answer(this.#api, {
      info,
      query: url.searchParams,
      accept: headers['accept'] ?? '*/*',
      contentType: headers['content-type'] ?? '',
      body,
      host: headers['host'] ?? headers[':authority'] ?? '',
    });
    // An outage also loses responses that are already prepared.
    if (exchange.closed) return;
    record.status = reply.kind === 'text' ? reply.status : 200;
    if (reply.kind === 'watch') this.#watch(exchange, reply.open);
    else exchange.answer(reply.status, headersOf(reply.contentType), reply.body);
  }

  async #userOf(authorization: string, record: RecordedRequest): Promise<User | ApiError> {
    try {
      const user = await authenticated(authorization, this.#authenticate);
      record.user = user.name;
      return user;
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }

  /** Applies the fault of the request. Returns whether the request is still to be handled. */
  async #survives(exchange: Exchange, request: SimulatedRequest, record: RecordedRequest): Promise<boolean> {
    const fault: KubernetesFault | undefined = this.#api.faults.match(request);
    switch (fault?.kind) {
      case undefined:
        return true;
      case 'delay':
        await new Promise<void>((resolve) => this.#api.cluster.timers.after(fault.ms, resolve));
        return true;
      case 'hang':
        return false;
      case 'reset':
        exchange.reset();
        return false;
      case 'status':
        record.status = fault.status;
        exchange.answer(fault.status, { 'content-type': 'application/json', ...fault.headers }, fault.body ?? '');
        return false;
      case 'half-body':
      case 'garbage':
      case 'padding':
      case 'after':
        exchange.meet(fault);
        return true;
    }
  }

  #watch(exchange: Exchange, open: (sink: { write(line: string): void; end(): void }) => () => void): void {
    const stream = exchange.stream(headersOf('application/json'));
    const stop = open(stream);
    const watching: Watching = {
      write: (text) => stream.write(text),
      end: () => {
        stop();
        stream.end();
      },
      reset: () => exchange.reset(),
    };
    this.#watches.add(watching);
    exchange.onClose(() => {
      stop();
      this.#watches.delete(watching);
    });
  }

  #fail(exchange: Exchange, record: RecordedRequest, error: unknown): void {
    // The client disconnected while its request was read.
    if (exchange.closed) return;
    const { status } = error instanceof ApiError ? error : internalError(String(error));
    record.status = status.code;
    const seconds = status.details?.retryAfterSeconds;
    const retry: Record<string, string> = seconds === undefined ? {} : { 'retry-after': String(seconds) };
    exchange.answer(status.code, { ...headersOf('application/json'), ...retry }, `${JSON.stringify(status)}\n`);
  }
}
