import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Fault, SimulatedRequest } from '../../faults.ts';
import { ApiError, internalError } from '../model/status.ts';
import { type Api, answer } from './api.ts';
import { type Authenticate, authenticated } from './authentication.ts';
import { denial, isAllowed, type User } from './authorization.ts';
import { Exchange } from './exchange.ts';
import { type RecordedRequest, recordOf } from './record.ts';
import { type RequestInfo, requestInfo } from './request-info.ts';

type Watching = { end(): void; reset(): void };

/** The front of the simulator: TLS, HTTP/1.1 and HTTP/2, faults, authentication and authorisation. */
export class ApiServer {
  readonly requests: RecordedRequest[] = [];
  readonly #api: Api;
  readonly #authenticate: Authenticate | undefined;
  readonly #server: Http2SecureServer;
  readonly #exchanges = new Set<Exchange>();
  readonly #watches = new Set<Watching>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();

  constructor(api: Api, tls: { key: string; cert: string }, authenticate: Authenticate | undefined) {
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
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      // Small answers must not wait for the client's delayed acknowledgements.
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    api.faults.onOutage(() => {
      for (const exchange of this.#exchanges) exchange.reset();
    });
  }

  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    return portOf(this.#server.address());
  }

  /** Shows another certificate from now on, and drops every connection. */
  show(tls: { key: string; cert: string }): void {
    this.#server.setSecureContext(tls);
    this.#drop();
  }

  dropWatches(how: 'end' | 'reset'): void {
    for (const watch of [...this.#watches]) watch[how]();
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#drop();
    await closed;
  }

  #drop(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #handle(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response);
    this.#exchanges.add(exchange);
    exchange.onClose(() => this.#exchanges.delete(exchange));
    const url = new URL(request.url, 'https://simulator');
    const info = requestInfo(request.method, url.pathname, url.searchParams);
    const record = recordOf(info);
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
    // An answer that was prepared when an outage began is lost with the others.
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

  /** Whether the request gets past its fault to an answer of its own. */
  async #survives(exchange: Exchange, request: SimulatedRequest, record: RecordedRequest): Promise<boolean> {
    const fault: Fault | undefined = this.#api.faults.match(request);
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
      case 'after':
        exchange.meet(fault);
        return true;
    }
  }

  #watch(exchange: Exchange, open: (sink: { write(line: string): void; end(): void }) => () => void): void {
    const stream = exchange.stream(headersOf('application/json'));
    const stop = open(stream);
    const watching: Watching = {
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
    // A client that went away while its request was read needs no answer.
    if (exchange.closed) return;
    const { status } = error instanceof ApiError ? error : internalError(String(error));
    record.status = status.code;
    const seconds = status.details?.retryAfterSeconds;
    const retry: Record<string, string> = seconds === undefined ? {} : { 'retry-after': String(seconds) };
    exchange.answer(status.code, { ...headersOf('application/json'), ...retry }, `${JSON.stringify(status)}\n`);
  }
}

function headersOf(contentType: string): Record<string, string> {
  return { 'content-type': contentType, 'cache-control': 'no-cache, private' };
}

function plainHeaders(request: Http2ServerRequest): Record<string, string> {
  const entries = Object.entries(request.headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]),
  );
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new TypeError('the simulator listens on no port');
  return address.port;
}
