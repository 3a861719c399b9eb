import { isReady, merge } from './admin.ts';
import { POOL } from './manifests.ts';
import type { Scenario } from './scenario.ts';

/** Counts the ready pods of the namespace until it is stopped. `stop` resolves with the fewest at any moment. */
export function watchReady(scenario: Scenario): { stop(): Promise<number> } {
  let fewest = Number.POSITIVE_INFINITY;
  let isOver = false;
  const watched = (async () => {
    while (!isOver) {
      const pods = await scenario.pods();
      const ready = pods.filter((pod) => pod.metadata?.deletionTimestamp === undefined && isReady(pod));
      fewest = Math.min(fewest, ready.length);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    async stop() {
      isOver = true;
      await watched;
      return fewest;
    },
  };
}

/** Lets pods of the scenario run on the node, or not. */
export async function pool({ cluster, namespace }: Scenario, node: string, isIn: boolean): Promise<void> {
  const labels = { [POOL]: isIn ? namespace : null };
  await cluster.admin.core.patchNode({ name: node, body: { metadata: { labels } } }, merge);
}
