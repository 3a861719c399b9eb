import { Agent, get } from 'node:http';

/** A request that takes longer has failed. */
const TIMEOUT_MS = 5_000;
/** How often requests that are due are sent. */
const TICK_MS = 5;

export type LoadResult = {
  readonly sent: number;
  /** How many requests failed, by the code of their error or status. */
  readonly failed: Readonly<Record<string, number>>;
  /** How many of the requests that were sent in each second of the load failed. */
  readonly failedAt: Readonly<Record<number, number>>;
  /** How long the slowest hundredth of the answered requests took at least; undefined: none was answered. */
  readonly p99Ms: number | undefined;
};

/** Sends requests at a constant rate, each on a connection of its own, whether others have been answered or not. */
export class Load {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
  readonly #failed = new Map<string, number>();
  readonly #failedAt = new Map<number, number>();
  readonly #open = new Set<Promise<void>>();
  readonly #answeredInMs: number[] = [];
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;

  /** @param perSecond requests */
  constructor(url: string, perSecond = 200) {
    this.#url = url;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - this.#startedAt) * perSecond) / 1_000;
      while (this.#sent < due) this.#send();
    }, TICK_MS);
  }

  /** Stops, and waits until every request was answered or has failed. */
  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
    return {
      sent: this.#sent,
      failed: Object.fromEntries(this.#failed),
      failedAt: Object.fromEntries(this.#failedAt),
      p99Ms: this.#answeredInMs.sort((a, b) => a - b)[Math.floor(this.#answeredInMs.length * 0.99)],
    };
  }

  #send(): void {
    this.#sent++;
    const sentAt = performance.now();
    const second = Math.floor((sentAt - this.#startedAt) / 1_000);
    const request = this.#request().then((failure) => {
      this.#open.delete(request);
      if (failure === undefined) {
        this.#answeredInMs.push(performance.now() - sentAt);
        return;
      }
      this.#failed.set(failure, (this.#failed.get(failure) ?? 0) + 1);
      this.#failedAt.set(second, (this.#failedAt.get(second) ?? 0) + 1);
    });
    this.#open.add(request);
  }

  /** Resolves with what went wrong; undefined: nothing. */
  #request(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const failed = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message);
    const request = get(this.#url, { agent: this.#agent, headers: { connection: 'close' } }, (response) => {
      const { statusCode = 0 } = response;
      response.on('error', failed);
      response.on('end', () => resolve(statusCode < 300 ? undefined : `status ${statusCode}`));
      response.resume();
    });
    request.on('error', failed);
    // `request.setTimeout` would begin to count only when there is a connection, and nobody at all may answer.
    const timer = setTimeout(() => {
      request.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }));
    }, TIMEOUT_MS);
    return promise.finally(() => clearTimeout(timer));
  }
}

export function failuresOf({ failed }: LoadResult): number {
  return Object.values(failed).reduce((sum, count) => sum + count, 0);
}
