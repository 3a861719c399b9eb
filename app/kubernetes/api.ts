import { type Dispatcher, request } from 'undici';
import { explain, Failure } from '../failure.ts';
import type { Access, AskForAccess } from './access.ts';
import { type Call, messageOf, type Verb, whatOf } from './call.ts';
import { Connections, type Route } from './connections.ts';
import { distrustIn } from './distrust.ts';
import { Items } from './items.ts';
import { Judge, type JudgeEvents } from './judge.ts';
import { lateAbort } from './late-abort.ts';
import { textOf } from './limits.ts';
import { Lines } from './lines.ts';
import { readListMetadata } from './list-schema.ts';
import { refusalOf } from './refusal.ts';
import { ApiError, ApiUnreachable, readable, Unreadable } from './status.ts';

/** The API server itself gives up on a request after 60 s. */
const ANSWER_WITHIN_MS = 30_000;
const WHOLE_ANSWER_WITHIN_MS = 60_000;
/** Bookmarks come about once a minute: a watch that is silent for longer has lost its connection. */
const WATCH_SILENT_MS = 90_000;
/** The API server ends a watch after the five minutes that we ask for; one that goes on for longer is none. */
const WATCH_WITHIN_MS = 600_000;

export type ApiEvents = JudgeEvents & {
  /** What the source of the access says now: asked when certificates or credentials are refused. */
  readonly ask: AskForAccess;
};

/**
 * The Kubernetes API (HTTP/2 where the server offers it), with authentication, timeouts, limits on what an answer may take of our
 * memory, a count of the requests by verb, and the pause that flow control asks for. It does not retry what fails: its callers know
 * what for. What was refused for a certificate or credentials is sent again, once, with those that the source of the access has now.
 */
export class Api {
  readonly counts: Record<Verb, number> = { get: 0, list: 0, watch: 0, create: 0, patch: 0, delete: 0 };
  readonly server: string;
  readonly #connections: Connections;
  readonly #judge: Judge;

  constructor(access: Access, events: ApiEvents) {
    this.server = access.server;
    this.#connections = new Connections(access, events.ask, events.clock);
    this.#judge = new Judge(events);
  }

  /**
   * One call and its answer, parsed.
   * @throws ApiError when the answer is not 2xx, ApiUnreachable when there is none, or none that can be read, the signal's reason
   *   when aborted
   */
  async call(call: Call): Promise<unknown> {
    const text = await this.#readingAll(call, () => textOf(this.#chunks(call, limited(call), ANSWER_WITHIN_MS)));
    return readable(this.#answerTo(call), () => JSON.parse(text));
  }

  /** One list: its items, each read while it arrives, and what it says of itself. Errors as `call`. */
  async list<T>(
    call: Call,
    read: (item: unknown) => T,
  ): Promise<{ items: T[]; resourceVersion: string; more: string }> {
    const arriving = new Items(read);
    await this.#readingAll(call, async () => {
      for await (const chunk of this.#chunks(call, limited(call), ANSWER_WITHIN_MS)) arriving.take(chunk);
    });
    return readable(this.#answerTo(call), () => {
      const { items, list } = arriving.end();
      return { items, ...readListMetadata(list) };
    });
  }

  /** The lines of a watch. Ends when the server ends it; errors as `call`. */
  async *lines(call: Call): AsyncGenerator<string, void> {
    const arriving = new Lines();
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(WATCH_WITHIN_MS)]);
    for await (const chunk of this.#chunks(call, signal, WATCH_SILENT_MS)) {
      yield* readable(this.#answerTo(call), () => arriving.take(chunk));
    }
    readable(this.#answerTo(call), () => arriving.end());
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  #answerTo(call: Call): string {
    return `${whatOf(call)} at ${this.server}`;
  }

  /** Whatever is no failure of the way to the server is one of what arrived. */
  async #readingAll<T>(call: Call, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof Failure || call.signal.aborted) throw error;
      throw new Unreadable(this.#answerTo(call), error);
    }
  }

  async *#chunks(call: Call, signal: AbortSignal, timeoutMs: number): AsyncGenerator<string, void> {
    const { body } = await this.#send(call, signal, timeoutMs);
    const chunks = body.setEncoding('utf8')[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.#reading(call, () => chunks.next());
        if (done === true) return;
        yield String(value);
      }
    } finally {
      // Whoever stops listening lets the connection go.
      body.on('error', () => undefined).destroy();
    }
  }

  async #send(call: Call, signal: AbortSignal, timeoutMs: number): Promise<Dispatcher.ResponseData> {
    const route = this.#connections.current;
    const first = await this.#sendBy(route, call, signal, timeoutMs).catch(async (error: unknown) => {
      if (distrustIn(error) === undefined || !(await this.#renew(call, route, error))) throw error;
      return undefined;
    });
    if (first !== undefined) {
      if (first.statusCode !== 401) return this.#judge.judge(call, first);
      const refusal = await refusalOf(whatOf(call), first, call.signal);
      // A kubeconfig that was replaced, or a client certificate: they are not made anew with the headers.
      if (!(await this.#renew(call, route, refusal))) throw refusal;
    }
    return this.#judge.judge(call, await this.#sendBy(this.#connections.current, call, signal, timeoutMs));
  }

  async #renew(call: Call, refused: Route, refusal: unknown): Promise<boolean> {
    try {
      return await this.#connections.renew(refused, call.signal);
    } catch (cause) {
      if (call.signal.aborted) throw call.signal.reason;
      throw new ApiUnreachable(`${explain(refusal)}; and how to reach it now could not be found out`, cause);
    }
  }

  async #sendBy(
    { access, calls, watches }: Route,
    call: Call,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Dispatcher.ResponseData> {
    const dispatcher = call.verb === 'watch' ? watches : calls;
    const message = messageOf(call);
    const send = async (fresh: boolean) => {
      await this.#judge.pause(call.signal);
      const headers = await access.authenticate(fresh, call.signal);
      this.counts[call.verb]++;
      return this.#reading(call, () =>
        request(`${this.server}${call.path}`, {
          ...message,
          dispatcher,
          headers: { ...headers, ...message.headers },
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          signal: lateAbort(signal),
        }),
      );
    };
    const first = await send(false);
    if (first.statusCode !== 401) return first;
    // The credentials may have been rotated, or our clock may have drifted: once more with new ones.
    await first.body.dump();
    return send(true);
  }

  async #reading<T>(call: Call, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (call.signal.aborted) throw call.signal.reason;
      if (cause instanceof ApiError) throw cause;
      this.#judge.away();
      const distrust = distrustIn(cause);
      const why = distrust === undefined ? explain(cause) : `${distrust.why}: ${explain(cause)}`;
      throw new ApiUnreachable(`${whatOf(call)}: no answer from ${this.server} (${why})`, cause, distrust?.advice);
    }
  }
}

function limited({ signal }: Call): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(WHOLE_ANSWER_WITHIN_MS)]);
}
