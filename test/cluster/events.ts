import type { CoreV1Event } from '@kubernetes/client-node';
import { eventually } from './poll.ts';
import type { Lab } from './test-cluster.ts';

/** The drainer's Events about an object, as `kubectl describe` finds them: by the UID of the object. Oldest first. */
export async function eventsAbout({ admin }: Lab, uid: string, least: number): Promise<CoreV1Event[]> {
  return eventually(`there are ${least} events about ${uid}`, async () => {
    const { items } = await admin.core.listEventForAllNamespaces({ fieldSelector: `involvedObject.uid=${uid}` });
    const ours = items.filter(({ source }) => source?.component === 'node-drainer');
    return ours.length >= least ? ours.sort((a, b) => timeOf(a) - timeOf(b)) : undefined;
  });
}

function timeOf({ firstTimestamp }: CoreV1Event): number {
  return firstTimestamp?.getTime() ?? 0;
}
