import { randomBytes } from 'node:crypto';
import type { KubernetesObject, V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import { PatchStrategy } from '@kubernetes/client-node';
import { type ExpectedHarm, noHarm, onlyHarm } from '../witness/harm.ts';
import { watchInstances } from '../witness/watch-instances.ts';
import type { Witness, WitnessOptions } from '../witness/witness.ts';
import { codeOf, ifFound, isReady, merge } from './admin.ts';
import type { Afterwards } from './afterwards.ts';
import { cleanUp } from './clean-up.ts';
import { Drainer } from './drainer.ts';
import { type BudgetRule, POOL, type PodOptions, podOn } from './manifests.ts';
import { fakeNode, workers } from './nodes.ts';
import { eventually } from './poll.ts';
import type { TestCluster } from './test-cluster.ts';

/** The namespace and the worker node of one test, cleaned up after it. */
export class Scenario {
  readonly cluster: TestCluster;
  readonly namespace: string;
  /** The node to drain. */
  readonly worker: string;
  readonly witness: Witness;
  /** Nodes that were drained by their name: no instance says when they die. */
  readonly #drained = new Set<string>();
  readonly #others: readonly string[];
  readonly #test: Afterwards;

  private constructor(
    t: Afterwards,
    cluster: TestCluster,
    namespace: string,
    [worker = '', ...others]: readonly string[],
    witness: Witness,
  ) {
    this.#test = t;
    this.cluster = cluster;
    this.namespace = namespace;
    this.worker = worker;
    this.#others = others;
    this.witness = witness;
  }

  static async open(t: Afterwards, cluster: TestCluster, options: WitnessOptions = {}): Promise<Scenario> {
    const namespace = `drain-${randomBytes(4).toString('hex')}`;
    // First: when it throws, no witness keeps the process alive.
    const nodes = await workers(cluster.admin);
    const witness = await watchInstances(cluster.watched(), undefined, options);
    const scenario = new Scenario(t, cluster, namespace, nodes, witness);
    cluster.scenarios.add(scenario);
    await cluster.admin.core.createNamespace({ body: { metadata: { name: namespace } } });
    t.after(async () => {
      cluster.scenarios.delete(scenario);
      await witness[Symbol.asyncDispose]();
      await scenario.#label([scenario.worker, ...scenario.#others], null);
      await cleanUp(scenario);
    });
    return scenario;
  }

  /** Starts a drain of the worker, or of another node, as the user `node-drainer`. */
  drain(
    environment: Readonly<Record<string, string>> = {},
    { node = this.worker, flags = [] }: { node?: string; flags?: readonly string[] } = {},
  ): Drainer {
    this.#claim(node);
    if (!flags.includes('--dry-run')) this.drains(node);
    return new Drainer(this.#test, ['--kubeconfig', this.cluster.drainerFile, '--node', node, ...flags], environment);
  }

  /** The node is drained from now on, by whatever program the test has started or starts now. */
  drains(node: string): void {
    this.#claim(node);
    this.#drained.add(node);
    this.witness.drains(node);
  }

  /** At the end of a test: fails when anything was harmed. The machines of nodes that were drained by name go off now. */
  async noHarm(): Promise<void> {
    for (const node of this.#drained) this.witness.dies(node);
    await noHarm(this.witness);
  }

  /** As `noHarm`, but this harm has happened, and no other. @param why it is right in this test */
  async onlyHarm(why: string, ...expected: readonly ExpectedHarm[]): Promise<void> {
    for (const node of this.#drained) this.witness.dies(node);
    await onlyHarm(this.witness, why, ...expected);
  }

  /** Creates a Node object without a machine, for tests that would harm a real node. Deleted after the test. */
  async fakeNode(node: { name?: string; providerID?: string; labels?: Record<string, string> } = {}): Promise<string> {
    const name = node.name ?? `ip-${randomBytes(4).join('-')}.eu-west-1.compute.internal`;
    this.#claim(name);
    this.#test.after(() => ifFound(this.cluster.admin.core.deleteNode({ name })));
    await fakeNode(this.cluster.admin, { ...node, name });
    return name;
  }

  /** Creates an object in the namespace. */
  async create<T extends KubernetesObject>(object: T): Promise<T> {
    const namespaced = { ...object, metadata: { ...object.metadata, namespace: this.namespace } };
    return eventually(`${object.kind} ${object.metadata?.name} can be created`, async () => {
      try {
        return await this.cluster.admin.objects.create(namespaced);
      } catch (error) {
        // The controller may not have created the namespace's default service account yet.
        if (codeOf(error) === 403 && /service ?account/i.test(String(error))) return undefined;
        throw error;
      }
    });
  }

  /** Creates a pod without a controller on the worker (or on `node`), and waits until it is ready. */
  async pod(name: string, options: PodOptions & { node?: string } = {}): Promise<V1Pod> {
    const { node = this.worker, annotations } = options;
    // A fake node has no kubelet: the suite sets the pod's status.
    const isFakeNode = node !== this.worker;
    const never = { 'lab/ready-ms': '3600000' };
    await this.create(
      podOn(node, name, isFakeNode ? { ...options, annotations: { ...annotations, ...never } } : options),
    );
    if (isFakeNode) await this.setPhase(name, 'Running');
    return this.#until(name, 'is ready', isReady);
  }

  /** Creates a set whose pods all start on the worker; their replacements may run on any worker node. */
  async startOnWorker(set: KubernetesObject, replicas: number): Promise<V1Pod[]> {
    await this.#label([this.worker], this.namespace);
    await this.create(set);
    const app = set.metadata?.name ?? '';
    const pods = await this.ready(app, replicas);
    await this.#label(this.#others, this.namespace);
    return pods;
  }

  /** The pods of the set, once it has exactly `replicas` pods and all of them are ready. */
  async ready(app: string, replicas: number): Promise<V1Pod[]> {
    return eventually(`${replicas} pods of ${app} are ready`, async () => {
      const pods = (await this.pods()).filter(({ metadata }) => metadata?.labels?.['app'] === app);
      return pods.length === replicas && pods.every(isReady) ? pods : undefined;
    });
  }

  /** Creates a budget for the pods with the label `app`, and waits until its controller has counted them. */
  async budget(name: string, app: string, rule: BudgetRule, expectedPods: number): Promise<void> {
    const { policyVersion: apiVersion } = this.cluster.admin;
    const spec = { ...rule, selector: { matchLabels: { app } } };
    await this.create({ apiVersion, kind: 'PodDisruptionBudget', metadata: { name }, spec });
    await eventually(`budget ${name} counts ${expectedPods} pods`, async () => {
      const { metadata, status } = await this.readBudget(name);
      const isCurrent = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1);
      return (
        (isCurrent && status?.expectedPods === expectedPods && status.currentHealthy === expectedPods) || undefined
      );
    });
  }

  async readBudget(name: string): Promise<V1PodDisruptionBudget> {
    return this.cluster.admin.objects.read<V1PodDisruptionBudget>(this.#budgetHeader(name));
  }

  async changeBudget(name: string, spec: BudgetRule): Promise<void> {
    const change: V1PodDisruptionBudget = { ...this.#budgetHeader(name), spec };
    await this.cluster.admin.objects.patch(
      change,
      undefined,
      undefined,
      undefined,
      undefined,
      PatchStrategy.MergePatch,
    );
  }

  async deleteBudget(name: string): Promise<void> {
    await this.cluster.admin.objects.delete(this.#budgetHeader(name));
  }

  async pods(): Promise<V1Pod[]> {
    return (await this.cluster.admin.core.listNamespacedPod({ namespace: this.namespace })).items;
  }

  /** Undefined when the pod does not exist. */
  async findPod(name: string): Promise<V1Pod | undefined> {
    return ifFound(this.cluster.admin.core.readNamespacedPod({ name, namespace: this.namespace }));
  }

  async terminating(name: string): Promise<V1Pod> {
    return this.#until(name, 'is terminating', ({ metadata }) => metadata?.deletionTimestamp !== undefined);
  }

  /** Removes the suite's finalizer. */
  async release(name: string): Promise<void> {
    const body = { metadata: { finalizers: [] } };
    await this.cluster.admin.core.patchNamespacedPod({ name, namespace: this.namespace, body }, merge);
  }

  /** The pods with an eviction request, once for each request: from the API server's log, or else from the drainers' output. */
  async evictions(...drainers: readonly Drainer[]): Promise<string[]> {
    const recorded = await this.cluster.evictionsIn(this.namespace);
    return [...(recorded ?? drainers.flatMap((drainer) => drainer.evictionRequests(this.namespace)))].sort();
  }

  /** Deletes the pod at once: a forced deletion, or what the kubelet of a fake node would do. */
  async end(name: string): Promise<void> {
    await ifFound(
      this.cluster.admin.core.deleteNamespacedPod({ name, namespace: this.namespace, gracePeriodSeconds: 0 }),
    );
  }

  async setPhase(name: string, phase: string): Promise<void> {
    const ready = phase === 'Running' ? 'True' : 'False';
    const conditions = [{ type: 'Ready', status: ready, lastTransitionTime: new Date().toISOString() }];
    const body = { status: { phase, conditions } };
    await this.cluster.admin.core.patchNamespacedPodStatus({ name, namespace: this.namespace, body }, merge);
  }

  /** What the kubelet of a fake node reports when the only container of the pod has ended. */
  async endContainer(name: string): Promise<void> {
    const finishedAt = new Date().toISOString();
    const terminated = { exitCode: 0, reason: 'Completed', startedAt: finishedAt, finishedAt };
    const container = { name: 'pause', image: 'pause', imageID: 'pause', ready: false, restartCount: 0 };
    const body = { status: { containerStatuses: [{ ...container, state: { terminated } }] } };
    await this.cluster.admin.core.patchNamespacedPodStatus({ name, namespace: this.namespace, body }, merge);
  }

  /** The node is this test's: the witnesses of others that run at the same time do not judge what is done to it. */
  #claim(node: string): void {
    for (const other of this.cluster.scenarios) if (other !== this) other.witness.ignores(node);
  }

  #until(name: string, what: string, matches: (pod: V1Pod) => boolean): Promise<V1Pod> {
    return eventually(`pod ${name} ${what}`, async () => {
      const pod = await this.findPod(name);
      return pod !== undefined && matches(pod) ? pod : undefined;
    });
  }

  #budgetHeader(name: string) {
    const { policyVersion: apiVersion } = this.cluster.admin;
    return { apiVersion, kind: 'PodDisruptionBudget', metadata: { name, namespace: this.namespace } };
  }

  async #label(nodes: readonly string[], pool: string | null): Promise<void> {
    const body = { metadata: { labels: { [POOL]: pool } } };
    for (const name of nodes) await this.cluster.admin.core.patchNode({ name, body }, merge);
  }
}
