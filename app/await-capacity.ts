import type { Clock } from './clock.ts';
import type { NodeDirectory } from './find-node.ts';
import type { Report } from './report/event.ts';
import { tryFor } from './retry.ts';

/** What Auto Scaling says of a group. */
export type GroupCapacity = { readonly desired: number; readonly inService: readonly string[] };

const LOOK_EVERY_MS = 10_000;

/**
 * Waits until the group of the node has as many ready nodes as it wants, so that the evicted pods find a place at once.
 * The node that is drained does not count: its instance is no longer in service.
 *
 * @param timeoutMs after this long the drain begins all the same
 */
export async function awaitCapacity(
  capacity: (signal: AbortSignal) => Promise<GroupCapacity>,
  nodes: NodeDirectory,
  timeoutMs: number,
  context: { clock: Clock; report: Report; signal: AbortSignal },
): Promise<void> {
  const { clock, report, signal } = context;
  const until = clock.now() + timeoutMs;
  let told: number | undefined;
  for (;;) {
    const look = async () => {
      const { desired, inService } = await capacity(signal);
      return { desired, ready: await readyAmong(nodes, inService, signal) };
    };
    const { desired, ready } = await tryFor(timeoutMs, 'see the capacity of the group', look, context);
    if (ready >= desired) return;
    if (told !== ready) report({ type: 'waiting for capacity', ready, wanted: desired });
    told = ready;
    if (clock.now() + LOOK_EVERY_MS > until) {
      return report({
        type: 'warning',
        message: `the group has ${ready} of ${desired} ready nodes; the drain begins all the same`,
      });
    }
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

async function readyAmong(nodes: NodeDirectory, instanceIds: readonly string[], signal: AbortSignal): Promise<number> {
  const wanted = new Set(instanceIds);
  let ready = 0;
  for await (const page of nodes.all(signal)) {
    ready += page.filter((node) => node.ready && wanted.has(node.providerID.split('/').at(-1) ?? '')).length;
  }
  return ready;
}
