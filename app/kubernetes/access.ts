import type { ConnectionOptions } from 'node:tls';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { abortable } from '../lib/abort.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';
import type { HttpProxy } from '../lib/proxy.ts';
import { Tunnels } from '../lib/tunnel.ts';

/** How to connect and authenticate to an API server, as its source (EKS, a kubeconfig) described it at one time. */
export type Access = {
  readonly server: string;
  /** A new dispatcher that shares no connection with another one. The caller destroys it. */
  connect(): Dispatcher;
  /** The headers that authenticate a request; `refused`: the API server refused the previous ones. */
  authenticate(refused: boolean, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
};

/** Reads the current access from its source (EKS, a kubeconfig). Rejects with a Failure. */
export type ResolveAccess = (signal: AbortSignal) => Promise<Access>;

/** Authenticates requests to the API server. Times are milliseconds since the epoch. */
export type Credential = {
  readonly headers: Readonly<Record<string, string>>;
  /** From then on a new one is requested; this one is used while there is no new one. */
  readonly renewAt: number;
  readonly expiresAt: number;
};

/** Access to an API server with one certificate authority, and with credentials from a provider. */
export function accessWithCredential(
  {
    server,
    certificateAuthority,
    credential,
  }: {
    readonly server: string;
    /** PEM */
    readonly certificateAuthority: string;
    readonly credential: (signal: AbortSignal) => Promise<Credential>;
  },
  clock: Clock,
  tunnels = new Tunnels(),
): Access {
  return {
    server,
    connect: () => dispatcher({ ca: certificateAuthority }, tunnels),
    authenticate: renewingCredential(credential, clock),
  };
}

/**
 * Connections to an API server use HTTP/2 where the server offers it, so that many evictions share one. A PING detects dead
 * connections, because a load balancer on the way may drop a connection silently
 * (https://github.com/kubernetes/client-go/issues/374).
 */
const AGENT_OPTIONS = {
  allowH2: true,
  h2Options: { pingInterval: 15_000 },
  connections: 64,
  // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED in the environment changes the default.
  connect: { timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000, rejectUnauthorized: true },
} satisfies Agent.Options;

/** How the client and the API server prove who they are. */
export type TlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;

/**
 * Connections to an API server, through a proxy if one is set for it. TLS and HTTP/2 are spoken in the tunnel: the proxy sees neither.
 * @param through this proxy, whatever the environment says
 */
export function dispatcher(tls: TlsOptions, tunnels: Tunnels, through?: HttpProxy): Agent {
  const { allowH2 } = AGENT_OPTIONS;
  const connect = buildConnector({ ...AGENT_OPTIONS.connect, ...tls, allowH2 });
  return new Agent({
    ...AGENT_OPTIONS,
    connect: (target, callback) => {
      const { protocol, hostname } = target;
      const port = Number(target.port || (protocol === 'https:' ? 443 : 80));
      tunnels.open({ protocol, hostname, port }, through).then(
        (socket) => {
          if (socket !== undefined && protocol === 'http:') callback(null, socket);
          else connect({ ...target, ...(socket !== undefined && { httpSocket: socket }) }, callback);
        },
        (error: Error) => callback(error, null),
      );
    },
  });
}

/** Minimum time between two renewals, so that a cluster that refuses every credential does not cause a renewal per request. */
const MIN_RENEWAL_INTERVAL_MS = 1_000;
/** Longer than the retries of a credential provider take; a command that hangs is abandoned. */
const RENEWAL_TIMEOUT_MS = 60_000;

/**
 * Shares one credential between all requests. Renews it before it expires and when the API server refuses it, once for all
 * requests that need it at the same time. Requests wait for the renewal only when the current credential is not valid.
 *
 * @param provider gets a new credential; its error is thrown only when the current credential is no longer valid
 */
export function renewingCredential(
  provider: (signal: AbortSignal) => Promise<Credential>,
  clock: Clock,
): Access['authenticate'] {
  let current: Credential | undefined;
  let lastRenewalAt = Number.NEGATIVE_INFINITY;
  let renewal: Promise<void> | undefined;

  const renew = async () => {
    try {
      const waitMs = lastRenewalAt + MIN_RENEWAL_INTERVAL_MS - clock.now();
      if (waitMs > 0) await clock.sleep(waitMs, new AbortController().signal);
      current = await withTimeout(clock, RENEWAL_TIMEOUT_MS, provider);
    } finally {
      lastRenewalAt = clock.now();
      renewal = undefined;
    }
  };

  return async (refused, signal) => {
    const now = clock.now();
    // Of many requests that were refused together, the first one renews the credential for all.
    const isNew = now - lastRenewalAt < MIN_RENEWAL_INTERVAL_MS;
    const isValid = current !== undefined && now < current.expiresAt && (!refused || isNew);
    if (!isValid || (current !== undefined && now >= current.renewAt)) {
      renewal ??= renew();
      renewal.catch(() => undefined); // requests that need the new credential await it below
    }
    if (!isValid && renewal !== undefined) await abortable(renewal, signal);
    return current?.headers ?? {};
  };
}
