import type { Context } from '../context.ts';
import { Failure, isTransient } from '../lib/errors.ts';
import type { NodeDirectory } from './find-node.ts';

/** What Auto Scaling says of a group. */
export type GroupCapacity = { readonly desired: number; readonly inService: readonly string[] };

const LOOK_EVERY_MS = 10_000;

/**
 * Waits until the group of the node has as many ready nodes as it wants, so that the evicted pods find a place at once.
 * The node that is drained does not count: its instance is no longer in service.
 *
 * @param timeoutMs after this long the drain begins all the same
 */
export async function waitForCapacity(
  capacity: (signal: AbortSignal) => Promise<GroupCapacity>,
  nodes: NodeDirectory,
  timeoutMs: number,
  { clock, report, signal }: Context,
): Promise<void> {
  const until = clock.now() + timeoutMs;
  const beginWithout = (what: string, error?: Failure) =>
    report({ type: 'warning', message: `${what}; the drain begins all the same`, ...(error && { error }) });
  let told: number | undefined;
  for (;;) {
    const seen = await look(capacity, nodes, signal);
    const leftMs = until - clock.now();
    if (seen instanceof Failure) {
      if (leftMs <= 0) return beginWithout('the capacity of the group is not known', seen);
      report({ type: 'retrying', operation: 'see the capacity of the group', error: seen, retryInMs: LOOK_EVERY_MS });
    } else {
      const { desired, ready } = seen;
      if (ready >= desired) return;
      if (told !== ready) report({ type: 'waiting for capacity', ready, desired });
      told = ready;
      if (leftMs <= 0) return beginWithout(`the group has ${ready} of ${desired} ready nodes`);
    }
    await clock.sleep(Math.min(LOOK_EVERY_MS, leftMs), signal);
  }
}

/** A failure that passes is an answer too: nobody can tell just now. */
async function look(
  capacity: (signal: AbortSignal) => Promise<GroupCapacity>,
  nodes: NodeDirectory,
  signal: AbortSignal,
): Promise<{ desired: number; ready: number } | Failure> {
  try {
    const { desired, inService } = await capacity(signal);
    return { desired, ready: await readyAmong(nodes, inService, signal) };
  } catch (error) {
    if (signal.aborted || !isTransient(error)) throw error;
    return error;
  }
}

async function readyAmong(nodes: NodeDirectory, instanceIds: readonly string[], signal: AbortSignal): Promise<number> {
  const wanted = new Set(instanceIds);
  let ready = 0;
  for await (const page of nodes.all(signal)) {
    ready += page.filter((node) => node.ready === 'True' && wanted.has(node.providerID.split('/').at(-1) ?? '')).length;
  }
  return ready;
}
