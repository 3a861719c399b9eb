import { randomBytes } from 'node:crypto';
import type { KubernetesObject, V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import { type Admin, codeOf, ifFound, isReady, merge } from '../../test/cluster/admin.ts';
import { POOL } from '../../test/cluster/manifests.ts';
import { resetNode } from '../../test/cluster/nodes.ts';
import { eventually } from '../../test/cluster/poll.ts';
import { Balancer, targetsOf } from '../../test/nodes/balancer.ts';
import { answers, deploymentOf, serviceOf } from '../../test/nodes/server.ts';
import type { Scenario } from './scenario.ts';

/** An image may have to be pulled. */
const READY_WITHIN_MS = 180_000;

/** The application of a scenario, in a namespace of its own, on the nodes that are to be drained. */
export class Stage {
  readonly namespace = `traffic-${randomBytes(4).toString('hex')}`;
  /** The nodes to drain. */
  readonly targets: readonly string[];
  readonly #admin: Admin;
  readonly #scenario: Scenario;
  readonly #others: readonly string[];
  #balancer: Balancer | undefined;
  #url = '';

  private constructor(admin: Admin, scenario: Scenario, workers: readonly string[]) {
    this.#admin = admin;
    this.#scenario = scenario;
    this.targets = workers.slice(0, scenario.nodes);
    this.#others = workers.slice(scenario.nodes, scenario.nodes + 1);
  }

  /** Resolves when all replicas are ready, the budget has counted them, and requests are answered. */
  static async open(
    admin: Admin,
    scenario: Scenario,
    workers: readonly string[],
    deregistrationSeconds: number,
  ): Promise<Stage> {
    const stage = new Stage(admin, scenario, workers);
    try {
      await stage.#fill(deregistrationSeconds);
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  get url(): string {
    return this.#url;
  }

  /** The instance of the node ends. (What runs on it is the lab's to end: requests no longer reach it.) */
  instanceEnds(node: string): void {
    this.#balancer?.dies(node);
  }

  /** Resolves when all replicas are ready on other nodes. */
  async recovered(withinMs: number): Promise<void> {
    const { replicas } = this.#scenario.server;
    const isElsewhere = (pod: V1Pod) => isReady(pod) && !this.targets.includes(pod.spec?.nodeName ?? '');
    await eventually(
      `${replicas} replicas are ready elsewhere`,
      async () => (await this.#pods()).filter(isElsewhere).length >= replicas || undefined,
      withinMs,
    );
  }

  /** Removes everything, and puts the nodes back into service. */
  async close(): Promise<void> {
    const { core, apps } = this.#admin;
    const { namespace } = this;
    await this.#balancer?.close();
    await ifFound(apps.deleteNamespacedDeployment({ name: 'web', namespace, propagationPolicy: 'Background' }));
    await eventually(
      `${namespace} is empty`,
      async () => {
        for (const { metadata } of await this.#pods()) {
          await ifFound(core.deleteNamespacedPod({ name: metadata?.name ?? '', namespace, gracePeriodSeconds: 0 }));
        }
        return (await this.#pods()).length === 0 || undefined;
      },
      READY_WITHIN_MS,
    );
    await ifFound(core.deleteNamespace({ name: namespace }));
    await this.#label([...this.targets, ...this.#others], null);
    for (const node of this.targets) await resetNode(this.#admin, node);
  }

  async #fill(deregistrationSeconds: number): Promise<void> {
    const { server, budget, nodes, through } = this.#scenario;
    const { core, policyVersion } = this.#admin;
    await core.createNamespace({ body: { metadata: { name: this.namespace } } });
    const startsEverywhere = nodes === 1 && server.evenly === true;
    await this.#label(startsEverywhere ? [...this.targets, ...this.#others] : this.targets, this.namespace);
    await this.#create(deploymentOf(this.namespace, server));
    await eventually(
      `${server.replicas} replicas are ready`,
      async () => (await this.#pods()).filter(isReady).length === server.replicas || undefined,
      READY_WITHIN_MS,
    );
    await this.#label(this.#others, this.namespace);
    if (budget !== undefined) {
      const spec = { ...budget, selector: { matchLabels: { app: 'web' } } };
      await this.#create({ apiVersion: policyVersion, kind: 'PodDisruptionBudget', metadata: { name: 'web' }, spec });
      await eventually('the budget has counted the replicas', () => this.#isCounted());
    }
    const { spec } = await this.#create(serviceOf(through === 'Service' ? 'ClusterIP' : 'LoadBalancer'));
    if (through === 'load balancer') {
      this.#balancer = await Balancer.start({
        service: `${this.namespace}/web`,
        nodePort: spec?.ports?.[0]?.nodePort ?? 0,
        nodes: async () => {
          const all = await targetsOf(this.#admin);
          return all.filter(({ name }) => [...this.targets, ...this.#others].includes(name));
        },
        deregistrationMs: deregistrationSeconds * 1_000,
      });
    }
    this.#url = this.#balancer?.url ?? `http://${spec?.clusterIP}/`;
    await answers(this.#url);
  }

  async #create<T extends KubernetesObject>(object: T): Promise<T> {
    const namespaced = { ...object, metadata: { ...object.metadata, namespace: this.namespace } };
    return eventually(`${object.kind} can be created`, async () => {
      try {
        return await this.#admin.objects.create(namespaced);
      } catch (error) {
        // The namespace may have no default service account yet.
        if (codeOf(error) === 403) return undefined;
        throw error;
      }
    });
  }

  async #isCounted(): Promise<true | undefined> {
    const { objects, policyVersion: apiVersion } = this.#admin;
    const header = { apiVersion, kind: 'PodDisruptionBudget', metadata: { name: 'web', namespace: this.namespace } };
    const { status } = await objects.read<V1PodDisruptionBudget>(header);
    return status?.currentHealthy === this.#scenario.server.replicas || undefined;
  }

  async #pods(): Promise<V1Pod[]> {
    return (await this.#admin.core.listNamespacedPod({ namespace: this.namespace })).items;
  }

  async #label(nodes: readonly string[], pool: string | null): Promise<void> {
    const body = { metadata: { labels: { [POOL]: pool } } };
    for (const name of nodes) await ifFound(this.#admin.core.patchNode({ name, body }, merge));
  }
}
