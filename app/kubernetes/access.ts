import { Agent, type Dispatcher } from 'undici';
import { abortable } from '../lib/abort.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';

/** How the API server is reached, whom it is trusted to be, and how the drainer proves who it is: as its source says at one time. */
export type Access = {
  readonly server: string;
  /** A way to the server that shares no connection with another one; whoever asks for it destroys it. */
  connect(): Dispatcher;
  /** The headers that authenticate a request; `fresh` after the API server refused the last ones. */
  authenticate(fresh: boolean, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
};

/** Asks the source of an access (EKS, a kubeconfig) what it says now. Rejects with a Failure. */
export type ResolveAccess = (signal: AbortSignal) => Promise<Access>;

/** What proves to the API server who is asking. Times are milliseconds since the epoch. */
export type Credential = {
  readonly headers: Readonly<Record<string, string>>;
  /** From then on a new one is asked for; this one is still used when there is none to be had. */
  readonly renewAt: number;
  readonly expiresAt: number;
};

/** A new credential is not asked for more often than this, whatever was refused and whatever failed. */
const LEAST_PAUSE_MS = 1_000;
/** Longer than a provider's own tries take; a command that hangs is given up. */
const MADE_WITHIN_MS = 60_000;

/**
 * Keeps one credential for all requests and renews it before it expires, and when the API server refuses it: once for all
 * who ask at the same time. As long as the old one is good, nobody waits for the new one.
 *
 * @param make gets a new credential; its rejection is passed on only when the old one is of no more use
 */
export function renewingCredential(
  make: (signal: AbortSignal) => Promise<Credential>,
  clock: Clock,
): Access['authenticate'] {
  let current: Credential | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let making: Promise<void> | undefined;

  const renew = async () => {
    try {
      const pause = triedAt + LEAST_PAUSE_MS - clock.now();
      if (pause > 0) await clock.sleep(pause, new AbortController().signal);
      current = await withTimeout(clock, MADE_WITHIN_MS, make);
    } finally {
      triedAt = clock.now();
      making = undefined;
    }
  };

  return async (refused, signal) => {
    const now = clock.now();
    // Of many requests that were refused together, the first has it replaced for all.
    const isNew = now - triedAt < LEAST_PAUSE_MS;
    const isGood = current !== undefined && now < current.expiresAt && (!refused || isNew);
    if (!isGood || (current !== undefined && now >= current.renewAt)) {
      making ??= renew();
      making.catch(() => undefined); // whoever needs it waits for it below
    }
    if (!isGood && making !== undefined) await abortable(making, signal);
    return current?.headers ?? {};
  };
}

/** Access with credentials that somebody else makes, and one certificate authority. */
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
): Access {
  return {
    server,
    connect: () => dispatcherWithCa(certificateAuthority),
    authenticate: renewingCredential(credential, clock),
  };
}

/**
 * Connections to an API server: HTTP/2 where it is offered, so that many evictions share one; dead ones are noticed
 * by a PING, because a load balancer between us may drop a connection without a word
 * (https://github.com/kubernetes/client-go/issues/374).
 */
export const KEEP_ALIVE = {
  allowH2: true,
  h2Options: { pingInterval: 15_000 },
  connections: 64,
  // Said outright: otherwise NODE_TLS_REJECT_UNAUTHORIZED in the environment could say no.
  connect: { timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000, rejectUnauthorized: true },
} satisfies Agent.Options;

/** @param certificateAuthority PEM of the only authority that is trusted to vouch for the server */
export function dispatcherWithCa(certificateAuthority: string): Agent {
  return new Agent({ ...KEEP_ALIVE, connect: { ...KEEP_ALIVE.connect, ca: certificateAuthority } });
}
