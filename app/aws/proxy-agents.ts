import { type AgentOptions, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Target } from '../lib/proxy.ts';
import type { Tunnels } from '../lib/tunnel.ts';
import type { ConnectionSettings } from './call.ts';

type Callback = (error: Error | null, stream: Duplex) => void;
type ConnectionOptions = {
  readonly host?: string | null | undefined;
  readonly port?: string | number | null | undefined;
};

/** As the SDK sets it for its own agents. */
const AGENT_OPTIONS: AgentOptions = { keepAlive: true, maxSockets: 50 };

/**
 * Connects AWS clients through proxies. An attempt takes longer: the tunnel, then TLS in it.
 * The SDK reads the credentials of the task with connections of its own, which use no proxy.
 */
export function proxiedConnections(tunnels: Tunnels): ConnectionSettings {
  return {
    connectionTimeout: 12_000,
    requestTimeout: 14_000,
    httpAgent: new TunnelledHttpAgent(tunnels),
    httpsAgent: new TunnelledHttpsAgent(tunnels),
  };
}

class TunnelledHttpsAgent extends HttpsAgent {
  readonly #tunnels: Tunnels;

  constructor(tunnels: Tunnels) {
    super(AGENT_OPTIONS);
    this.#tunnels = tunnels;
  }

  override createConnection(options: Parameters<HttpsAgent['createConnection']>[0], callback?: Callback): undefined {
    const connect = (socket: Socket | undefined) =>
      super.createConnection({ ...options, ...(socket !== undefined && { socket }) });
    callBack(this.#tunnels.open(targetOf('https:', options)).then(connect), callback);
  }
}

class TunnelledHttpAgent extends HttpAgent {
  readonly #tunnels: Tunnels;

  constructor(tunnels: Tunnels) {
    super(AGENT_OPTIONS);
    this.#tunnels = tunnels;
  }

  override createConnection(options: Parameters<HttpAgent['createConnection']>[0], callback?: Callback): undefined {
    const connect = (socket: Socket | undefined) => socket ?? super.createConnection(options);
    callBack(this.#tunnels.open(targetOf('http:', options)).then(connect), callback);
  }
}

function callBack(connection: Promise<Duplex | null | undefined>, callback?: Callback): void {
  connection.then(
    (stream) => callback?.(null, stream ?? new Duplex()),
    // The type demands a stream; Node ignores it.
    (error: Error) => callback?.(error, new Duplex()),
  );
}

function targetOf(protocol: 'http:' | 'https:', { host, port }: ConnectionOptions): Target {
  return { protocol, hostname: host ?? '', port: Number(port ?? (protocol === 'https:' ? 443 : 80)) };
}
