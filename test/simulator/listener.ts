import type { AddressInfo, Server, Socket } from 'node:net';

/** A closed door; `end()` opens it again on the same port. */
export type Refusal = { end(): Promise<void> };

/** The port of a server with its connections. It can be closed and opened again, as that of a process that restarts. */
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
      // A client that goes away is no news.
      socket.on('error', () => socket.destroy());
    });
  }

  /** Listens, on any free port for 0, and answers which. @throws when the port is taken */
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

  /** Breaks every connection with a reset. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Closes every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Closes the port and every connection for good. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#close();
  }

  /**
   * Closes the port and every connection until `end()`, which opens the same port again: to connect is refused
   * (ECONNREFUSED). Nothing opens what is stopped. @throws TypeError when the port is closed already
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
  if (address === null || typeof address === 'string') throw new TypeError('the simulator listens on no port');
  return address.port;
}
