import type { CoreV1Event } from '@kubernetes/client-node';
import { eventually } from './poll.ts';
import type { TestCluster } from './test-cluster.ts';

/** Waits for at least `least` Events of the drainer about an object, found by its UID as `kubectl describe` does. Oldest first. */
export async function eventsAbout({ admin }: TestCluster, uid: string, least: number): Promise<CoreV1Event[]> {
  return eventually(`there are ${least} events about ${uid}`, async () => {
    const { items } = await admin.core.listEventForAllNamespaces({ fieldSelector: `involvedObject.uid=${uid}` });
    const ours = items.filter(({ source }) => source?.component === 'node-drainer');
    return ours.length >= least ? ours.sort((a, b) => timeOf(a) - timeOf(b)) : undefined;
  });
}

function timeOf({ firstTimestamp }: CoreV1Event): number {
  return firstTimestamp?.getTime() ?? 0;
}
