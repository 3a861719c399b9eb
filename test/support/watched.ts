import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Sink, Snapshot } from '../../app/drain/cluster.ts';
import { type Collection, listWatch } from '../../app/kubernetes/list-watch.ts';
import { apiServer, clientOf, type Received } from './api-server.ts';
import { testContext } from './test-context.ts';

export type Exchange = Received & { readonly response: ServerResponse };
type Step = (exchange: Exchange) => unknown;

/** Shows what a collection is, as far as it was told. */
class Shown implements Sink<string> {
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
  shows(): string[] {
    return [...this.#names].sort();
  }
}

/** Turns of the event loop that a request takes to reach a server on this machine and come back are not counted: waited for. */
const A_TURN_MS = 2;

/** A collection on a server that answers request after request as the steps say, and what is reflected of it. */
export async function watched(t: TestContext, collection: Collection<string>, steps: Step[]) {
  const { clock, recorder, stop, context } = testContext();
  const sink = new Shown();
  const script = { otherwise: (_: Exchange): unknown => undefined };
  const { url, received } = await apiServer(t, (request, response) => {
    const step = steps.shift() ?? script.otherwise;
    step({ ...request, response });
  });
  const server = Object.assign(script, { received });
  const client = clientOf(t, url, clock);
  let reflecting: Promise<unknown> = Promise.resolve();
  /** Moves time on in small steps, each with a real moment for the network, until `over`. */
  const goOn = async (over: () => boolean) => {
    while (!over()) {
      await pause(A_TURN_MS);
      await clock.advance(100);
    }
  };
  return {
    client,
    clock: Object.assign(clock, {
      awaken: (ms: number) => goOn(() => clock.elapsed >= ms),
    }),
    recorder,
    server,
    sink,
    stop,
    begin(from?: Snapshot<string>): Promise<never> {
      const endless = listWatch(client, collection, from, sink, context);
      endless.catch(() => undefined);
      reflecting = endless;
      return endless;
    },
    /** Until all steps were taken, and what the last one sent was shown. */
    async rest(): Promise<void> {
      const count = steps.length + received.length;
      await goOn(() => steps.length === 0 && received.length === count);
      const settledAt = clock.elapsed + 500;
      await goOn(() => clock.elapsed >= settledAt);
    },
    async done(): Promise<void> {
      stop.abort(new Error('the test is over'));
      await reflecting.catch(() => undefined);
    },
  };
}
