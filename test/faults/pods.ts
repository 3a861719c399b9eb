import { setTimeout as pause } from 'node:timers/promises';
import type { CoreV1Api } from '@kubernetes/client-node';
import { each } from '../support/each.ts';

/** Concurrent requests while the pods are created. */
const CONCURRENCY = 20;

/** A pod without a controller that takes `shutdownMs` to terminate, or its grace period if that is shorter. */
type BarePod = {
  readonly name: string;
  readonly nodeName: string;
  readonly shutdownMs: number;
  /** Default: an hour. */
  readonly graceSeconds?: number;
};

/** Every pod of `runPods` has it. */
export const LABELS = { app: 'faults' };

/** Creates the pods in an otherwise empty namespace, and waits until all of them run. */
export async function runPods(core: CoreV1Api, namespace: string, pods: Iterable<BarePod>): Promise<void> {
  await each(pods, CONCURRENCY, ({ name, nodeName, shutdownMs, graceSeconds = 3_600 }) =>
    core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name, labels: LABELS, annotations: { 'lab/shutdown-ms': String(shutdownMs) } },
        spec: {
          nodeName,
          terminationGracePeriodSeconds: graceSeconds,
          containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }],
        },
      },
    }),
  );
  while ((await core.listNamespacedPod({ namespace })).items.some(({ status }) => status?.phase !== 'Running')) {
    await pause(50);
  }
}
