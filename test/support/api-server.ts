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
export type Answer = (request: Received, response: ServerResponse) => void | Promise<void>;

/** A real HTTP server on this machine that answers as the test says. It ends with the test. */
export async function apiServer(t: TestContext, answer: Answer) {
  const received: Received[] = [];
  const server = createServer(async (message, response) => {
    const { pathname, searchParams } = new URL(message.url ?? '/', 'http://localhost');
    const { method = '', headers } = message;
    const request = { method, path: pathname, query: searchParams, headers, body: await text(message) };
    received.push(request);
    await answer(request, response);
  });
  const listener = new Listener(server, '127.0.0.1');
  t.after(() => listener.stop());
  return { url: `http://127.0.0.1:${await listener.open(0)}`, received };
}

/** The API client of the program on such a server. */
export function apiOn(
  t: TestContext,
  server: string,
  clock: Clock,
  more: {
    authenticate?: Access['authenticate'];
    throttled?: (pauseMs: number) => void;
    ask?: ResolveAccess;
  } = {},
): KubernetesClient {
  const authenticate = more.authenticate ?? (async () => ({ authorization: 'Bearer letmein' }));
  const throttled = more.throttled ?? (() => undefined);
  const access: Access = { server, connect: () => new Agent(), authenticate };
  const api = new KubernetesClient(access, { clock, throttled, resolveAccess: more.ask ?? (async () => access) });
  t.after(() => api.close());
  return api;
}

/** Answers with a JSON document. */
export function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** What the API server says when it says no. */
export function status(code: number, reason: string, message: string, details: object = {}) {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details };
}
