import { ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Writable } from 'node:stream';
import type { KubernetesFault } from '../../faults.ts';
import { padded } from './padding.ts';

/** The server closes a watch with more unread bytes than this, as a real one does for slow clients. */
const SLOW_CLIENT_BYTES = 4 * 1024 * 1024;

/** One request and its response over HTTP/1.1 or HTTP/2, with the fault of the response. */
export class Exchange {
  readonly #request: Http2ServerRequest;
  /** The server types its compatibility API as HTTP/2 only, but hands out these for HTTP/1.1. */
  readonly #response: Http2ServerResponse | ServerResponse;
  readonly #out: Writable;
  #fault: KubernetesFault | undefined;
  #closed = false;

  constructor(request: Http2ServerRequest, response: Http2ServerResponse | ServerResponse) {
    this.#request = request;
    this.#response = response;
    this.#out = response;
    this.#out.on('close', () => {
      this.#closed = true;
    });
    // Clients may disconnect at any time.
    this.#out.on('error', () => this.reset());
  }

  get closed(): boolean {
    return this.#closed;
  }

  meet(fault: KubernetesFault): void {
    this.#fault = fault;
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#out.on('close', listener);
  }

  async body(): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#request) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString();
  }

  answer(status: number, headers: Record<string, string>, body: string): void {
    if (this.#closed) return;
    if (this.#fault?.kind === 'after') {
      this.reset();
      return;
    }
    const bytes = Buffer.from(this.#distorted(body));
    this.#head(status, { ...headers, 'content-length': String(bytes.length) });
    if (this.#fault?.kind === 'half-body') {
      this.#out.write(bytes.subarray(0, bytes.length / 2));
      // The first half must be sent before the connection breaks.
      setTimeout(() => this.reset(), 20).unref();
    } else this.#out.end(bytes);
  }

  /** Opens a stream of lines. */
  stream(headers: Record<string, string>): { write(line: string): void; end(): void } {
    if (this.#fault?.kind === 'after') this.reset();
    else if (!this.#closed) {
      this.#head(200, headers);
      // Send the headers of a watch without events, too. (HTTP/2 does this already.)
      if (this.#response instanceof ServerResponse) this.#response.flushHeaders();
    }
    const fault = this.#fault?.kind === 'garbage' ? this.#fault : undefined;
    let left = fault?.after ?? 0;
    const send = (text: string): void => {
      this.#out.write(text);
      if (this.#out.writableLength > SLOW_CLIENT_BYTES) this.#out.end();
    };
    const disturb = (): void => {
      if (fault === undefined || this.#closed || left !== 0) return;
      left = -1;
      send(fault.text);
      if (fault.end !== true) return;
      this.#out.end();
      this.#closed = true;
    };
    disturb();
    return {
      write: (line) => {
        if (this.#closed) return;
        if (this.#fault?.kind === 'half-body') {
          this.#out.write(line.slice(0, line.length / 2));
          setTimeout(() => this.reset(), 20).unref();
          this.#closed = true;
          return;
        }
        send(line);
        left -= 1;
        disturb();
      },
      end: () => {
        if (!this.#closed) this.#out.end();
      },
    };
  }

  #distorted(body: string): string {
    if (this.#fault?.kind === 'garbage') return this.#fault.text;
    return this.#fault?.kind === 'padding' ? padded(body, this.#fault.bytes) : body;
  }

  #head(status: number, headers: Record<string, string>): void {
    if (this.#response instanceof ServerResponse) this.#response.writeHead(status, headers);
    else this.#response.writeHead(status, headers);
  }

  /** Breaks the stream (HTTP/2) or the connection (HTTP/1.1) without further data. */
  reset(): void {
    this.#closed = true;
    if (this.#response instanceof ServerResponse) this.#response.socket?.destroy();
    else this.#response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
