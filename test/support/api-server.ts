import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { Agent } from 'undici';
import type { Access, ResolveAccess } from '../../app/kubernetes/access.ts';
import { KubernetesClient } from '../../app/kubernetes/client.ts';
import type { Clock } from '../../app/lib/clock.ts';
import { Listener } from '../simulator/listener.ts';

export type Received = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};
export type Handler = (request: Received, response: ServerResponse) => void | Promise<void>;

/** A real HTTP server on loopback whose responses the test defines. It stops at the end of the test. */
export async function apiServer(t: TestContext, handler: Handler) {
  const received: Received[] = [];
  const server = createServer(async (message, response) => {
    const { pathname, searchParams } = new URL(message.url ?? '/', 'http://localhost');
    const { method = '', headers } = message;
    const request = { method, path: pathname, query: searchParams, headers, body: await text(message) };
    received.push(request);
    await handler(request, response);
  });
  const listener = new Listener(server, '127.0.0.1');
  t.after(() => listener.stop());
  return { url: `http://127.0.0.1:${await listener.open(0)}`, received };
}

/** The program's client, connected to such a server. */
export function clientOf(
  t: TestContext,
  server: string,
  clock: Clock,
  options: {
    authenticate?: Access['authenticate'];
    onThrottled?: (pauseMs: number) => void;
    resolveAccess?: ResolveAccess;
  } = {},
): KubernetesClient {
  const access: Access = {
    server,
    connect: () => new Agent(),
    authenticate: options.authenticate ?? (async () => ({ authorization: 'Bearer letmein' })),
  };
  const client = new KubernetesClient(access, {
    clock,
    onThrottled: options.onThrottled ?? (() => undefined),
    resolveAccess: options.resolveAccess ?? (async () => access),
  });
  t.after(() => client.close());
  return client;
}

/** Responds with a JSON document. */
export function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** The body of an error response of the API server. */
export function status(code: number, reason: string, message: string, details: object = {}) {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details };
}
