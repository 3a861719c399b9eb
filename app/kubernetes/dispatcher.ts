import { Agent } from 'undici';

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
export function dispatcherTrusting(certificateAuthority: string): Agent {
  return new Agent({ ...KEEP_ALIVE, connect: { ...KEEP_ALIVE.connect, ca: certificateAuthority } });
}
