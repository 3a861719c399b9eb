import type { Context } from '../context.ts';
import { Failure, isTransient } from '../lib/errors.ts';
import type { NodeDirectory } from './find-node.ts';

/** What Auto Scaling says about a group. */
export type GroupCapacity = { readonly desired: number; readonly inService: readonly string[] };

const CHECK_INTERVAL_MS = 10_000;

/**
 * Waits until the Auto Scaling group has as many ready nodes as its desired capacity, so that evicted pods can be scheduled at
 * once. The node that is drained does not count: its instance is no longer in service.
 *
 * @param timeoutMs after this long the drain starts anyway, which is reported
 */
export async function waitForCapacity(
  capacity: (signal: AbortSignal) => Promise<GroupCapacity>,
  nodes: NodeDirectory,
  timeoutMs: number,
  { clock, report, signal }: Context,
): Promise<void> {
  const until = clock.now() + timeoutMs;
  const startAnyway = (reason: string, error?: Failure) =>
    report({ type: 'warning', message: `${reason}; the drain starts anyway`, ...(error && { error }) });
  let reported: number | undefined;
  for (;;) {
    const current = await readyNodes(capacity, nodes, signal);
    const leftMs = until - clock.now();
    if (current instanceof Failure) {
      if (leftMs <= 0) return startAnyway('the capacity of the group is unknown', current);
      const operation = 'read the capacity of the group';
      report({ type: 'retrying', operation, error: current, retryInMs: CHECK_INTERVAL_MS });
    } else {
      const { desired, ready } = current;
      if (ready >= desired) return;
      if (reported !== ready) report({ type: 'waiting for capacity', ready, desired });
      reported = ready;
      if (leftMs <= 0) return startAnyway(`the group has ${ready} of ${desired} ready nodes`);
    }
    await clock.sleep(Math.min(CHECK_INTERVAL_MS, leftMs), signal);
  }
}

/** A transient failure is a result, too: the capacity is unknown for now. */
async function readyNodes(
  capacity: (signal: AbortSignal) => Promise<GroupCapacity>,
  nodes: NodeDirectory,
  signal: AbortSignal,
): Promise<{ desired: number; ready: number } | Failure> {
  try {
    const { desired, inService } = await capacity(signal);
    return { desired, ready: await countReady(nodes, inService, signal) };
  } catch (error) {
    if (signal.aborted || !isTransient(error)) throw error;
    return error;
  }
}

async function countReady(nodes: NodeDirectory, instanceIds: readonly string[], signal: AbortSignal): Promise<number> {
  const wanted = new Set(instanceIds);
  let ready = 0;
  for await (const page of nodes.all(signal)) {
    ready += page.filter((node) => node.ready === 'True' && wanted.has(node.providerID.split('/').at(-1) ?? '')).length;
  }
  return ready;
}
