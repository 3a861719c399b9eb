import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { explain, Failure, printable } from './errors.ts';
import { type HttpProxy, type ProxySettings, proxyFor, type Target } from './proxy.ts';

/** From the connection to the proxy to its answer. A proxy connects to the target in this time. */
const TUNNEL_TIMEOUT_MS = 8_000;

/** These answers say that the proxy is at fault, or busy, and not that it refuses the request. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

/** There is no connection through a proxy. The message names the target, the proxy without its password, and the reason. */
export class ProxyFailure extends Failure {
  /** The error of the operating system, by which the AWS SDK decides to retry: `ECONNREFUSED`. */
  readonly code: string | undefined;

  constructor(message: string, options: { advice: string; transient: boolean; code?: string }) {
    super(message, options);
    this.code = options.code;
  }
}

/** Connections through HTTP proxies: each is a tunnel (CONNECT), in which the client and the target speak TLS with each other. */
export class Tunnels {
  readonly #settings: ProxySettings;
  readonly #newTimeout: () => AbortSignal;
  /** Which targets were reached through which proxy. */
  readonly #reached = new Set<string>();

  /** @param newTimeout for one tunnel */
  constructor(
    settings: ProxySettings = { noProxy: '' },
    newTimeout: () => AbortSignal = () => AbortSignal.timeout(TUNNEL_TIMEOUT_MS),
  ) {
    this.#settings = settings;
    this.#newTimeout = newTimeout;
  }

  /** Does the environment name a proxy? */
  get areSet(): boolean {
    return this.#settings.https !== undefined || this.#settings.http !== undefined;
  }

  /**
   * Opens a tunnel.
   * @param through this proxy, whatever the environment says
   * @returns undefined when the target is reached without a proxy
   * @throws ProxyFailure. A refusal is permanent, because it most likely means a wrong setting. It is transient once the target was
   *   reached through the proxy: a proxy that refuses connections for a while must not end a drain
   */
  async open(target: Target, through?: HttpProxy): Promise<Socket | undefined> {
    const proxy = through ?? proxyFor(this.#settings, target);
    if (proxy === undefined) return undefined;
    const authority = authorityOf(target);
    const route = `${proxy.origin} ${authority}`;
    const { response, socket, head } = await connect(proxy, authority, this.#newTimeout());
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode >= 300) {
      socket.destroy();
      throw refusal(proxy, authority, response, this.#reached.has(route));
    }
    this.#reached.add(route);
    // Some servers speak first.
    if (head.length > 0) socket.unshift(head);
    socket.setNoDelay(true).setKeepAlive(true, 30_000);
    return socket;
  }
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-connect */
function authorityOf({ hostname, port }: Target): string {
  return `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
}

type Answer = { readonly response: IncomingMessage; readonly socket: Socket; readonly head: Buffer };

/** Sends CONNECT and reads the answer, whatever it says. */
async function connect(proxy: HttpProxy, authority: string, timeout: AbortSignal): Promise<Answer> {
  // Loaded only for a proxy.
  const { request } = proxy.protocol === 'https:' ? await import('node:https') : await import('node:http');
  return new Promise((resolve, reject) => {
    request({
      method: 'CONNECT',
      host: proxy.hostname,
      port: proxy.port,
      path: authority,
      headers: {
        host: authority,
        'user-agent': 'fargate-node-drainer',
        ...(proxy.authorization !== undefined && { 'proxy-authorization': proxy.authorization }),
      },
      agent: false,
      // By default Node expects the certificate of the host in the header, which is the target.
      servername: isIP(proxy.hostname) === 0 ? proxy.hostname : '',
      // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED in the environment changes the default.
      rejectUnauthorized: true,
      signal: timeout,
    })
      .once('connect', (response, socket, head) => resolve({ response, socket, head }))
      // An answer without an end of its headers is none, and one that closes the connection is an error.
      .on('error', (error) => reject(unreachable(proxy, authority, error, timeout.aborted)))
      .end();
  });
}

function unreachable(proxy: HttpProxy, authority: string, error: Error, isTimeout: boolean): ProxyFailure {
  const why = isTimeout ? `no answer within ${TUNNEL_TIMEOUT_MS / 1000} s` : explain(error);
  const code = 'code' in error && /^E[A-Z]+$/.test(String(error.code)) ? String(error.code) : undefined;
  return new ProxyFailure(`${routeText(proxy, authority)}: ${why}`, {
    advice: `check that ${proxy.source} is correct, and that routes and security groups let this task reach the proxy`,
    transient: true,
    ...(isTimeout ? { code: 'ETIMEDOUT' } : code !== undefined && { code }),
  });
}

function refusal(proxy: HttpProxy, authority: string, response: IncomingMessage, wasReached: boolean): ProxyFailure {
  const { statusCode = 0, statusMessage = '' } = response;
  const answer = `${statusCode} ${printable(statusMessage, 100)}`.trim();
  const isTransient = statusCode >= 500 || TRANSIENT_STATUSES.has(statusCode);
  const [why, advice] = isTransient
    ? ['the proxy could not connect', `check that the proxy can resolve and reach ${authority}`]
    : statusCode === 407
      ? authenticationRefusal(proxy)
      : [
          'the proxy refused the connection',
          `let the proxy connect to ${authority}, or name the host in NO_PROXY if it can be reached directly`,
        ];
  return new ProxyFailure(`${routeText(proxy, authority)}: ${why} (${answer})`, {
    advice,
    transient: isTransient || wasReached,
  });
}

function authenticationRefusal({ authorization, source }: HttpProxy): [why: string, advice: string] {
  return authorization === undefined
    ? [
        'the proxy requires a user name and a password',
        `add them to ${source}, percent-encoded: http://USER:PASSWORD@HOST:PORT`,
      ]
    : [
        'the proxy did not accept the user name and the password',
        `correct them in ${source}; special characters must be percent-encoded. Only basic authentication is supported`,
      ];
}

function routeText({ origin, source }: HttpProxy, authority: string): string {
  return `could not connect to ${authority} through the proxy ${origin} (${source})`;
}
