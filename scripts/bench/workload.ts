import { randomBytes } from 'node:crypto';
import type { V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import { ifFound, isReady, merge } from '../../test/cluster/admin.ts';
import { each } from '../../test/support/each.ts';
import type { Cluster } from './cluster.ts';
import { appName, budget, POOL, replicaSet } from './manifests.ts';
import { until } from './poll.ts';
import { podsOf, type Scenario } from './scenario.ts';

/** Reverts what a drainer changes on the node. */
const NOT_CORDONED = {
  metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': null } },
  spec: { unschedulable: null },
};

/** The pods of a scenario on the node to drain, in a separate namespace. */
export class Workload {
  readonly namespace: string;
  readonly #cluster: Cluster;

  private constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster;
    this.namespace = namespace;
  }

  /** Fills the node, and waits until every pod on it is ready and every budget has counted its pods. */
  static async deploy(cluster: Cluster, scenario: Scenario): Promise<Workload> {
    const workload = new Workload(cluster, `bench-${randomBytes(4).toString('hex')}`);
    await workload.#fill(scenario);
    return workload;
  }

  async #fill(scenario: Scenario): Promise<void> {
    const { core, objects, policyVersion, target, others } = this.#cluster;
    const apps = Array.from({ length: scenario.apps }, (_, index) => appName(index));
    await core.createNamespace({ body: { metadata: { name: this.namespace } } });
    await until('the namespace has its service account', () => this.#hasServiceAccount());
    await this.#label([target]);
    for (const app of apps) await objects.create(replicaSet(this.namespace, app, scenario));
    await until(`${podsOf(scenario)} pods are ready on ${target}`, async () => {
      const pods = await this.#pods();
      return pods.length === podsOf(scenario) && pods.every(isReady);
    });
    const { maxUnavailable } = scenario;
    if (maxUnavailable !== undefined) {
      for (const app of apps) await objects.create(budget(policyVersion, this.namespace, app, maxUnavailable));
      for (const app of apps) {
        await until(`the budget of ${app} counts its pods`, () => this.#allows(app, maxUnavailable));
      }
    }
    // From now on the scheduler can place replacements on the other nodes.
    await this.#label(others);
  }

  /** How many of its pods are still on the node to drain. */
  async remainingPods(): Promise<number> {
    return (await this.#pods()).filter(({ spec }) => spec?.nodeName === this.#cluster.target).length;
  }

  /** Removes the pods and reverts the nodes. */
  async remove(): Promise<void> {
    const { core, apps, target, others } = this.#cluster;
    const { namespace } = this;
    await apps.deleteCollectionNamespacedReplicaSet({ namespace, propagationPolicy: 'Background' });
    await until(`${namespace} is empty`, async () => {
      const pods = await this.#pods();
      await each(pods, 20, ({ metadata }) => this.#deletePod(metadata?.name ?? ''));
      return pods.length === 0;
    });
    await core.deleteNamespace({ name: namespace });
    const body = { metadata: { labels: { [POOL]: null } } };
    for (const name of [target, ...others]) await core.patchNode({ name, body }, merge);
    await core.patchNode({ name: target, body: NOT_CORDONED }, merge);
  }

  async #pods(): Promise<V1Pod[]> {
    return (await this.#cluster.core.listNamespacedPod({ namespace: this.namespace, resourceVersion: '0' })).items;
  }

  async #deletePod(name: string): Promise<void> {
    const { core } = this.#cluster;
    await ifFound(core.deleteNamespacedPod({ name, namespace: this.namespace, gracePeriodSeconds: 0 }));
  }

  async #label(nodes: readonly string[]): Promise<void> {
    const body = { metadata: { labels: { [POOL]: this.namespace } } };
    for (const name of nodes) await this.#cluster.core.patchNode({ name, body }, merge);
  }

  async #hasServiceAccount(): Promise<boolean> {
    const { items } = await this.#cluster.core.listNamespacedServiceAccount({ namespace: this.namespace });
    return items.length > 0;
  }

  async #allows(app: string, count: number): Promise<boolean> {
    const { objects, policyVersion: apiVersion } = this.#cluster;
    const header = { apiVersion, kind: 'PodDisruptionBudget', metadata: { name: app, namespace: this.namespace } };
    const { status } = await objects.read<V1PodDisruptionBudget>(header);
    return status?.disruptionsAllowed === count;
  }
}
