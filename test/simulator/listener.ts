import type { AddressInfo, Server, Socket } from 'node:net';

/** A closed port; `end()` reopens it. */
export type Refusal = { end(): Promise<void> };

/** The port and connections of a server. Can close and reopen the port, like a server that restarts. */
export class Listener {
  readonly #server: Server;
  readonly #host: string;
  readonly #sockets = new Set<Socket>();
  #isStopped = false;

  constructor(server: Server, host: string) {
    this.#server = server;
    this.#host = host;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // Clients may disconnect at any time.
      socket.on('error', () => socket.destroy());
    });
  }

  /** Listens on a port (0: any free port) and returns it. @throws Error when the port is in use */
  async open(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, this.#host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return portOf(this.#server.address());
  }

  /** Resets every connection. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Closes every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Closes the port and every connection; it cannot be reopened. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#close();
  }

  /**
   * Closes the port and every connection until `end()` reopens the port. Until then, connections are refused
   * (ECONNREFUSED). Does not reopen a stopped listener. @throws TypeError when the port is already closed
   */
  async refuse(): Promise<Refusal> {
    const port = portOf(this.#server.address());
    await this.#close();
    return {
      end: async () => {
        if (!this.#isStopped && !this.#server.listening) await this.open(port);
      },
    };
  }

  async #close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.drop();
    await closed;
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new TypeError('the simulator is not listening on a port');
  return address.port;
}
