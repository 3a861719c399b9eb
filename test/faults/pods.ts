import { setTimeout as pause } from 'node:timers/promises';
import type { CoreV1Api } from '@kubernetes/client-node';
import { each } from '../support/each.ts';

/** So many requests of the set-up are under way at once. */
const AT_A_TIME = 20;

/** A pod by itself, which takes its time to end. */
type LonePod = { readonly name: string; readonly nodeName: string; readonly shutdownMs: number };

/** Creates the pods in a namespace that has no others, and waits until all of them run. */
export async function runPods(core: CoreV1Api, namespace: string, pods: Iterable<LonePod>): Promise<void> {
  await each(pods, AT_A_TIME, ({ name, nodeName, shutdownMs }) =>
    core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name, annotations: { 'lab/shutdown-ms': String(shutdownMs) } },
        spec: {
          nodeName,
          terminationGracePeriodSeconds: 3_600,
          containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }],
        },
      },
    }),
  );
  while ((await core.listNamespacedPod({ namespace })).items.some(({ status }) => status?.phase !== 'Running')) {
    await pause(50);
  }
}
