import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { KubernetesObject, V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import { PatchStrategy } from '@kubernetes/client-node';
import { codeOf, ifFound, isReady, merge } from './admin.ts';
import { Drainer } from './drainer.ts';
import { type BudgetRule, POOL, type PodOptions, podOn } from './manifests.ts';
import { standIn, workers } from './nodes.ts';
import { eventually } from './poll.ts';
import type { Lab } from './test-cluster.ts';
import { tidy } from './tidy.ts';

/** What one test plays on: a namespace and a worker node of its own, put in order again when the test is over. */
export class Scenario {
  readonly lab: Lab;
  readonly namespace: string;
  /** The node to drain. */
  readonly worker: string;
  readonly #others: readonly string[];
  readonly #test: TestContext;

  private constructor(t: TestContext, lab: Lab, namespace: string, [worker = '', ...others]: readonly string[]) {
    this.#test = t;
    this.lab = lab;
    this.namespace = namespace;
    this.worker = worker;
    this.#others = others;
  }

  static async open(t: TestContext, lab: Lab): Promise<Scenario> {
    const namespace = `drain-${randomBytes(4).toString('hex')}`;
    const scenario = new Scenario(t, lab, namespace, await workers(lab.admin));
    await lab.admin.core.createNamespace({ body: { metadata: { name: namespace } } });
    t.after(async () => {
      await scenario.#label([scenario.worker, ...scenario.#others], null);
      await tidy(scenario);
    });
    return scenario;
  }

  /** A drain of the worker, or of another node, by the user `node-drainer`. */
  drain(
    environment: Readonly<Record<string, string>> = {},
    { node = this.worker, flags = [] }: { node?: string; flags?: readonly string[] } = {},
  ): Drainer {
    return new Drainer(this.#test, ['--kubeconfig', this.lab.drainerFile, '--node', node, ...flags], environment);
  }

  /** A node that nobody stands behind, for what would harm a real one. It ends with the test. */
  async standIn(node: { name?: string; providerID?: string; labels?: Record<string, string> } = {}): Promise<string> {
    const name = node.name ?? `ip-${randomBytes(4).join('-')}.eu-west-1.compute.internal`;
    this.#test.after(() => ifFound(this.lab.admin.core.deleteNode({ name })));
    await standIn(this.lab.admin, { ...node, name });
    return name;
  }

  /** Creates an object in the namespace. */
  async create<T extends KubernetesObject>(object: T): Promise<T> {
    const placed = { ...object, metadata: { ...object.metadata, namespace: this.namespace } };
    return eventually(`${object.kind} ${object.metadata?.name} can be created`, async () => {
      try {
        return await this.lab.admin.objects.create(placed);
      } catch (error) {
        // The controller that gives a new namespace its service account may not have come round yet.
        if (codeOf(error) === 403 && /service ?account/i.test(String(error))) return undefined;
        throw error;
      }
    });
  }

  /** A bare pod on the worker (or on `node`), running. */
  async pod(name: string, options: PodOptions & { node?: string } = {}): Promise<V1Pod> {
    const { node = this.worker, annotations } = options;
    // Nobody stands behind a stand-in: there the suite is the kubelet.
    const isKubelet = node !== this.worker;
    const never = { 'lab/ready-ms': '3600000' };
    await this.create(
      podOn(node, name, isKubelet ? { ...options, annotations: { ...annotations, ...never } } : options),
    );
    if (isKubelet) await this.setPhase(name, 'Running');
    return this.#until(name, 'is ready', isReady);
  }

  /** Creates a set of pods all of which start on the worker; from then on they may run anywhere. */
  async startOnWorker(set: KubernetesObject, replicas: number): Promise<V1Pod[]> {
    await this.#label([this.worker], this.namespace);
    await this.create(set);
    const app = set.metadata?.name ?? '';
    const pods = await this.ready(app, replicas);
    await this.#label(this.#others, this.namespace);
    return pods;
  }

  /** The pods of the set, once so many of them are ready and no other is left. */
  async ready(app: string, replicas: number): Promise<V1Pod[]> {
    return eventually(`${replicas} pods of ${app} are ready`, async () => {
      const pods = (await this.pods()).filter(({ metadata }) => metadata?.labels?.['app'] === app);
      return pods.length === replicas && pods.every(isReady) ? pods : undefined;
    });
  }

  /** A budget over the pods that bear the label `app`, once its controller has counted them. */
  async budget(name: string, app: string, rule: BudgetRule, expectedPods: number): Promise<void> {
    const { policyVersion: apiVersion } = this.lab.admin;
    const spec = { ...rule, selector: { matchLabels: { app } } };
    await this.create({ apiVersion, kind: 'PodDisruptionBudget', metadata: { name }, spec });
    await eventually(`budget ${name} counts ${expectedPods} pods`, async () => {
      const { metadata, status } = await this.budgetNow(name);
      const isCurrent = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1);
      return (
        (isCurrent && status?.expectedPods === expectedPods && status.currentHealthy === expectedPods) || undefined
      );
    });
  }

  async budgetNow(name: string): Promise<V1PodDisruptionBudget> {
    return this.lab.admin.objects.read<V1PodDisruptionBudget>(this.#budgetHeader(name));
  }

  async changeBudget(name: string, spec: BudgetRule): Promise<void> {
    const change: V1PodDisruptionBudget = { ...this.#budgetHeader(name), spec };
    await this.lab.admin.objects.patch(change, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch);
  }

  async dropBudget(name: string): Promise<void> {
    await this.lab.admin.objects.delete(this.#budgetHeader(name));
  }

  async pods(): Promise<V1Pod[]> {
    return (await this.lab.admin.core.listNamespacedPod({ namespace: this.namespace })).items;
  }

  /** Undefined when it is gone. */
  async podNow(name: string): Promise<V1Pod | undefined> {
    return ifFound(this.lab.admin.core.readNamespacedPod({ name, namespace: this.namespace }));
  }

  async terminating(name: string): Promise<V1Pod> {
    return this.#until(name, 'is terminating', ({ metadata }) => metadata?.deletionTimestamp !== undefined);
  }

  /** Takes the suite's finalizer off. */
  async release(name: string): Promise<void> {
    const body = { metadata: { finalizers: [] } };
    await this.lab.admin.core.patchNamespacedPod({ name, namespace: this.namespace, body }, merge);
  }

  /** The pods whose eviction was asked for, once for each request: the API server's word, or else the drainers' own. */
  async evictions(...drainers: readonly Drainer[]): Promise<string[]> {
    const heard = await this.lab.evictionsIn(this.namespace);
    return [...(heard ?? drainers.flatMap((drainer) => drainer.asked(this.namespace)))].sort();
  }

  /** Ends it now, as its owner would with force, or as the kubelet that a stand-in does not have. */
  async end(name: string): Promise<void> {
    await ifFound(this.lab.admin.core.deleteNamespacedPod({ name, namespace: this.namespace, gracePeriodSeconds: 0 }));
  }

  async setPhase(name: string, phase: string): Promise<void> {
    const ready = phase === 'Running' ? 'True' : 'False';
    const conditions = [{ type: 'Ready', status: ready, lastTransitionTime: new Date().toISOString() }];
    const body = { status: { phase, conditions } };
    await this.lab.admin.core.patchNamespacedPodStatus({ name, namespace: this.namespace, body }, merge);
  }

  #until(name: string, what: string, fits: (pod: V1Pod) => boolean): Promise<V1Pod> {
    return eventually(`pod ${name} ${what}`, async () => {
      const pod = await this.podNow(name);
      return pod !== undefined && fits(pod) ? pod : undefined;
    });
  }

  #budgetHeader(name: string) {
    const { policyVersion: apiVersion } = this.lab.admin;
    return { apiVersion, kind: 'PodDisruptionBudget', metadata: { name, namespace: this.namespace } };
  }

  async #label(nodes: readonly string[], pool: string | null): Promise<void> {
    const body = { metadata: { labels: { [POOL]: pool } } };
    for (const name of nodes) await this.lab.admin.core.patchNode({ name, body }, merge);
  }
}
