import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubernetesSimulator, startKubernetes } from '../simulator/kubernetes/simulator.ts';
import { simulated } from '../witness/simulated-cluster.ts';
import { adminBy } from './admin.ts';
import { WEBHOOK } from './eviction-webhook.ts';
import type { TestCluster, TestClusterOptions } from './test-cluster.ts';

/** A test cluster with fault injection. */
type SimulatedCluster = TestCluster & { readonly simulator: KubernetesSimulator };

export async function openSimulatedCluster({
  authenticate,
  simulator: options,
}: TestClusterOptions = {}): Promise<SimulatedCluster> {
  const simulator = await startKubernetes({
    ...options,
    ...(authenticate !== undefined && { authenticate: async (token: string) => authenticate(token) }),
  });
  const folder = await mkdtemp(join(tmpdir(), 'node-drainer-'));
  const drainerFile = join(folder, 'drainer.conf');
  const drainerText = simulator.kubeconfig('node-drainer');
  await writeFile(drainerFile, drainerText, { mode: 0o600 });
  return {
    simulator,
    admin: await adminBy(simulator.kubeconfig('admin')),
    server: simulator.url,
    certificateAuthority: simulator.ca,
    drainerFile,
    drainerText,
    evictionsIn: async (namespace) =>
      simulator.requests.flatMap((request) =>
        request.verb === 'create' && request.resource === 'pods/eviction' && request.namespace === namespace
          ? [request.name ?? '']
          : [],
      ),
    watched: () => simulated(simulator, 'stay'),
    scenarios: new Set(),
    denyEvictions: async ({ namespace, pod, code, message }) => {
      const { remove } = simulator.webhooks.add({
        name: WEBHOOK,
        operation: 'eviction',
        when: (reviewed) => reviewed.namespace === namespace && reviewed.name === pod,
        answer: { code, message },
      });
      return async () => remove();
    },
    close: async () => {
      await simulator.stop();
      await rm(folder, { recursive: true });
    },
  };
}
