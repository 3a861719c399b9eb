import { codeOf } from '../../test/cluster/admin.ts';
import { each } from '../../test/support/each.ts';
import type { Cluster } from './cluster.ts';
import { until } from './poll.ts';

const NAMESPACE = 'bench-background';
const LABEL = 'bench.fargate-node-drainer/background';
const CONCURRENCY = 32;

/**
 * Nodes and pods that make lists of the cluster large: plain API objects without a machine or kubelet. The nodes are cordoned, so that
 * the scheduler places no pods on them.
 */
export class Background {
  readonly #cluster: Cluster;

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  static async create(cluster: Cluster, size: { pods: number; nodes: number }): Promise<Background> {
    const background = new Background(cluster);
    const { core } = cluster;
    const nodes = Array.from({ length: size.nodes }, (_, index) => `bench-node-${index}`);
    await each(nodes, CONCURRENCY, (name) =>
      core.createNode({
        body: {
          metadata: { name, labels: { [LABEL]: 'true' } },
          spec: {
            unschedulable: true,
            providerID: `aws:///eu-west-1a/i-${Buffer.from(name).toString('hex').slice(-17)}`,
          },
        },
      }),
    );
    await core.createNamespace({ body: { metadata: { name: NAMESPACE } } });
    await until('the namespace has its service account', async () => {
      const { items } = await core.listNamespacedServiceAccount({ namespace: NAMESPACE });
      return items.length > 0;
    });
    await each(Array(size.pods).keys(), CONCURRENCY, (index) =>
      core.createNamespacedPod({ namespace: NAMESPACE, body: podOn(nodes[index % nodes.length] ?? '', index) }),
    );
    return background;
  }

  async remove(): Promise<void> {
    const { core } = this.#cluster;
    const namespace = NAMESPACE;
    await deleteAll('the background pods', () =>
      core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 }),
    );
    await deleteAll('the background nodes', () => core.deleteCollectionNode({ labelSelector: LABEL }));
    await core.deleteNamespace({ name: namespace });
    await until(`${namespace} is gone`, () =>
      core.readNamespace({ name: namespace }).then(
        () => false,
        (error: unknown) => codeOf(error) === 404,
      ),
    );
  }
}

/** The API server answers 500 or 504 when a deletion takes longer than half a minute, and has deleted some objects by then. */
async function deleteAll(what: string, remove: () => Promise<unknown>): Promise<void> {
  await until(`${what} are deleted`, () =>
    remove().then(
      () => true,
      (error: unknown) => {
        if (!((codeOf(error) ?? 0) >= 500)) throw error;
        return false;
      },
    ),
  );
}

function podOn(nodeName: string, index: number) {
  return {
    metadata: {
      name: `pod-${index}`,
      labels: { app: `app-${index % 200}`, team: `team-${index % 20}`, [LABEL]: 'true' },
      // The maximum of a timer: a fake kubelet does not change these pods.
      annotations: { 'lab/ready-ms': String(2 ** 31 - 1), 'lab/shutdown-ms': '0' },
    },
    spec: {
      nodeName,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'app',
          image: 'registry.example.com/team/app:1.2.3',
          env: Array.from({ length: 10 }, (_, setting) => ({ name: `SETTING_${setting}`, value: `value ${setting}` })),
          resources: { requests: { cpu: '100m', memory: '128Mi' } },
        },
      ],
    },
  };
}
