import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Sink, Snapshot } from '../../app/drain/cluster.ts';
import { type Collection, listWatch } from '../../app/kubernetes/list-watch.ts';
import { apiServer, clientOf, type Received } from './api-server.ts';
import { testContext } from './test-context.ts';

export type Exchange = Received & { readonly response: ServerResponse };
type Step = (exchange: Exchange) => unknown;

/** Keeps the collection that the reflector reports. */
class RecordingSink implements Sink<string> {
  readonly #names = new Set<string>();
  replace(names: readonly string[]): void {
    this.#names.clear();
    for (const name of names) this.#names.add(name);
  }
  set(name: string): void {
    this.#names.add(name);
  }
  remove(name: string): void {
    this.#names.delete(name);
  }
  names(): string[] {
    return [...this.#names].sort();
  }
}

/** Real time between two steps of the manual clock, in which requests reach the local server. */
const NETWORK_MS = 2;

/** A list-watch of a collection on a server that handles each request with the next of the steps. */
export async function listWatchFixture(t: TestContext, collection: Collection<string>, steps: Step[]) {
  const { clock, recorder, stop, context } = testContext();
  const sink = new RecordingSink();
  const script = { otherwise: (_: Exchange): unknown => undefined };
  const { url, received } = await apiServer(t, (request, response) => {
    const step = steps.shift() ?? script.otherwise;
    step({ ...request, response });
  });
  const server = Object.assign(script, { received });
  const client = clientOf(t, url, clock);
  let current: Promise<unknown> = Promise.resolve();
  /** Advances the clock in small steps, with real time for the network between them, until `isDone`. */
  const advanceUntil = async (isDone: () => boolean) => {
    while (!isDone()) {
      await pause(NETWORK_MS);
      await clock.advance(100);
    }
  };
  return {
    client,
    clock: Object.assign(clock, {
      advanceTo: (ms: number) => advanceUntil(() => clock.elapsed >= ms),
    }),
    recorder,
    server,
    sink,
    stop,
    start(from?: Snapshot<string>): Promise<never> {
      const running = listWatch(client, collection, from, sink, context);
      running.catch(() => undefined);
      current = running;
      return running;
    },
    /** Waits until all steps are used, and the sink has the data of the last one. */
    async settle(): Promise<void> {
      const count = steps.length + received.length;
      await advanceUntil(() => steps.length === 0 && received.length === count);
      const settledAt = clock.elapsed + 500;
      await advanceUntil(() => clock.elapsed >= settledAt);
    },
    async shutDown(): Promise<void> {
      stop.abort(new Error('the test is over'));
      await current.catch(() => undefined);
    },
  };
}
