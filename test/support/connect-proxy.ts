import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import { Listener, type Refusal } from '../simulator/listener.ts';
import type { Certificate } from './certificate-authority.ts';

/** What the proxy does with a request for a tunnel: connects, refuses with this status, never answers, or closes the connection. */
export type ProxyBehaviour = 'connect' | 'hang' | 'close' | number;

/** A real HTTP proxy on loopback that knows CONNECT and nothing else. */
export type ConnectProxy = {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** The target of every tunnel that was opened: `api.example.com:443`. */
  readonly tunnels: readonly string[];
  /** The target of every request, whatever became of it. */
  readonly requests: readonly string[];
  behaviour: ProxyBehaviour;
  /** Closes the port and every tunnel until `end()`. */
  die(): Promise<Refusal>;
  /** Every tunnel stays open and carries nothing from now on, as when a firewall forgets its connections. */
  freeze(): void;
};

type ConnectProxyOptions = {
  /** `user:password`, which every request must present. */
  readonly credentials?: string;
  /** Speak TLS to the clients. */
  readonly certificate?: Certificate;
};

/**
 * Starts a proxy until the end of the test. It resolves every name to loopback: the clients need not know the address of a target.
 */
export async function connectProxy(
  t: Pick<TestContext, 'after'>,
  { credentials, certificate }: ConnectProxyOptions = {},
): Promise<ConnectProxy> {
  const [tunnels, requests]: [string[], string[]] = [[], []];
  const upstreams = new Set<Socket>();
  const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
  const server = certificate === undefined ? createHttpServer() : createHttpsServer({ ...certificate });
  const listener = new Listener(server, '127.0.0.1');

  const serve = (request: IncomingMessage, client: Duplex, head: Buffer): void => {
    const authority = request.url ?? '';
    requests.push(authority);
    client.on('error', () => client.destroy());
    const { behaviour } = proxy;
    if (behaviour === 'hang') return;
    if (behaviour === 'close') {
      client.destroy();
      return;
    }
    const refusal =
      expected !== undefined && request.headers['proxy-authorization'] !== expected
        ? '407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="x"'
        : typeof behaviour === 'number'
          ? `${behaviour} No`
          : undefined;
    if (refusal !== undefined) {
      client.end(`HTTP/1.1 ${refusal}\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const upstream = connect(Number(authority.split(':').at(-1)), '127.0.0.1', () => {
      tunnels.push(authority);
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    upstreams.add(upstream);
    upstream.once('close', () => {
      upstreams.delete(upstream);
      client.destroy();
    });
    client.once('close', () => upstream.destroy());
    upstream.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  };
  server.on('connect', serve);
  const port = await listener.open(0);
  const drop = () => {
    for (const upstream of upstreams) upstream.destroy();
  };
  const proxy: ConnectProxy = {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    tunnels,
    requests,
    behaviour: 'connect',
    die: () => {
      drop();
      return listener.refuse();
    },
    freeze: () => {
      for (const upstream of upstreams) upstream.unpipe();
    },
  };
  t.after(async () => {
    drop();
    await listener.stop();
  });
  return proxy;
}
