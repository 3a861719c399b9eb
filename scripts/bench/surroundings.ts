import { codeOf } from '../../test/cluster/admin.ts';
import { each } from '../../test/support/each.ts';
import type { Cluster } from './cluster.ts';
import { until } from './poll.ts';

const NAMESPACE = 'bench-surroundings';
const LABEL = 'bench.fargate-node-drainer/surroundings';
const AT_A_TIME = 32;

/**
 * Nodes and pods that make a cluster large for those who list it: plain API objects, with no machine and no kubelet behind
 * them. The nodes are cordoned, so that nobody's pods go there.
 */
export class Surroundings {
  readonly #cluster: Cluster;

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  static async make(cluster: Cluster, size: { pods: number; nodes: number }): Promise<Surroundings> {
    const surroundings = new Surroundings(cluster);
    const { core } = cluster;
    const nodes = Array.from({ length: size.nodes }, (_, index) => `bench-node-${index}`);
    await each(nodes, AT_A_TIME, (name) =>
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
    await each(Array(size.pods).keys(), AT_A_TIME, (index) =>
      core.createNamespacedPod({ namespace: NAMESPACE, body: podOn(nodes[index % nodes.length] ?? '', index) }),
    );
    return surroundings;
  }

  async remove(): Promise<void> {
    const { core } = this.#cluster;
    const namespace = NAMESPACE;
    await deleted('the pods around', () => core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 }));
    await deleted('the nodes around', () => core.deleteCollectionNode({ labelSelector: LABEL }));
    await core.deleteNamespace({ name: namespace });
    await until(`${namespace} is gone`, () =>
      core.readNamespace({ name: namespace }).then(
        () => false,
        (error: unknown) => codeOf(error) === 404,
      ),
    );
  }
}

/** The API server gives up on what takes it longer than half a minute, by a 500 or a 504, and has deleted some of it by then. */
async function deleted(what: string, remove: () => Promise<unknown>): Promise<void> {
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
      // The longest that a timer can take: a fake kubelet leaves these pods as they are.
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
