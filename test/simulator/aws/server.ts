import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { AwsFault, Fault, Faults } from '../faults.ts';
import { Listener, type Refusal } from '../listener.ts';
import type { AwsRequest, Reply } from './protocol/message.ts';

/** A parsed request: the action and parameters for fault rules, and its possible replies. */
export type Exchange = {
  action: string;
  parameters: Record<string, string>;
  /** Runs the operation. Called at most once, and not at all if a fault replaces it. */
  run: () => Reply;
  /** The reply to a `status` fault without a body. */
  errorReply: (status: number) => Reply;
  /** The reply to a `throttle` fault. */
  throttled: () => Reply;
  /** Called with the status before the reply is sent. */
  onAnswered: (status: number) => void;
};

export type Server = { port: number; refuse(): Promise<Refusal>; stop(): Promise<void> };

function lowerCaseHeaders(message: IncomingMessage): Record<string, string> {
  const headers = Object.entries(message.headers).map(([name, value]): [string, string] => [
    name,
    Array.isArray(value) ? value.join(',') : (value ?? ''),
  ]);
  return Object.fromEntries(headers);
}

async function readRequest(message: IncomingMessage): Promise<AwsRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const url = message.url ?? '/';
  const question = url.indexOf('?');
  return {
    method: message.method ?? 'GET',
    path: question === -1 ? url : url.slice(0, question),
    query: question === -1 ? '' : url.slice(question + 1),
    headers: lowerCaseHeaders(message),
    body: Buffer.concat(chunks),
  };
}

function send(response: ServerResponse, reply: Reply, now: number): void {
  const length = { 'content-length': String(Buffer.byteLength(reply.body)) };
  response.writeHead(reply.status, { date: new Date(now).toUTCString(), ...length, ...reply.headers });
  response.end(reply.body);
}

/** Announces the whole body, sends half of it, and breaks the connection. */
function sendHalf(response: ServerResponse, reply: Reply, now: number): void {
  const body = Buffer.from(reply.body);
  const head = { date: new Date(now).toUTCString(), ...reply.headers, 'content-length': String(body.length) };
  response.writeHead(reply.status, head);
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.socket?.destroy());
}

function faultReply(fault: Extract<Fault, { kind: 'status' }>, exchange: Exchange): Reply {
  const reply = exchange.errorReply(fault.status);
  if (fault.body === undefined) return { ...reply, headers: { ...reply.headers, ...fault.headers } };
  return { status: fault.status, headers: fault.headers ?? {}, body: fault.body };
}

async function respond(
  exchange: Exchange,
  response: ServerResponse,
  fault: AwsFault | undefined,
  { now, stopping }: { now: () => number; stopping: AbortSignal },
): Promise<void> {
  const finish = (reply: Reply) => {
    exchange.onAnswered(reply.status);
    send(response, reply, now());
  };
  switch (fault?.kind) {
    case undefined:
      return finish(exchange.run());
    case 'delay':
      await delay(fault.ms, undefined, { ref: false, signal: stopping });
      return finish(exchange.run());
    case 'status':
      return finish(faultReply(fault, exchange));
    case 'throttle':
      return finish(exchange.throttled());
    case 'hang':
      return;
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'half-body':
      return sendHalf(response, exchange.run(), now());
    case 'after':
      exchange.run();
      response.socket?.resetAndDestroy();
      return;
  }
}

/** Serves requests over HTTP, with faults. */
export async function serve(options: {
  host: string;
  port: number;
  faults: Faults<AwsFault>;
  now: () => number;
  recognise: (request: AwsRequest) => Exchange;
}): Promise<Server> {
  const { faults, now, recognise } = options;
  const stopping = new AbortController();
  const serveOne = async (message: IncomingMessage, response: ServerResponse) => {
    const request = await readRequest(message);
    const exchange = recognise(request);
    const fault = faults.match({
      method: request.method,
      path: exchange.action,
      query: new URLSearchParams(exchange.parameters),
      headers: request.headers,
      body: request.body.toString(),
    });
    await respond(exchange, response, fault, { now, stopping: stopping.signal });
  };
  const server = createServer((message, response) => {
    // The client disconnected or the simulator stops: no reply is possible.
    serveOne(message, response).catch(() => response.socket?.destroy());
  });
  const listener = new Listener(server, options.host);
  const forgetOutages = faults.onOutage(() => listener.reset());
  const port = await listener.open(options.port);
  return {
    port,
    refuse: () => listener.refuse(),
    stop: async () => {
      forgetOutages();
      stopping.abort();
      await listener.stop();
    },
  };
}
