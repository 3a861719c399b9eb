import { setTimeout as pause } from 'node:timers/promises';
import type { KubernetesObject, V1PodSpec } from '@kubernetes/client-node';
import { type PodOptions, podOn } from '../cluster/manifests.ts';
import { Scenario } from '../cluster/scenario.ts';
import { instanceIdOf, Termination } from '../cluster/termination.ts';
import type { TestCluster } from '../cluster/test-cluster.ts';
import { serverContainer } from '../nodes/server.ts';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import type { Faults, KubernetesFault } from '../simulator/faults.ts';
import { type Harm, harmText } from '../witness/harm.ts';
import type { Adapter, Asks } from './adapters.ts';
import { type ConformanceCluster, runsContainers } from './cluster.ts';
import { Drain, type Ending } from './drain.ts';
import { runFakeKubelet } from './fake-kubelet.ts';
import { Observer } from './observer.ts';
import type { ConformanceScenario } from './scenario.ts';

/** How a pod behaves. Without containers its simulated kubelet does so; otherwise a server in a container. */
export type Behaviour = {
  /** From when it is asked to end until it has. */
  readonly shutdownMs?: number;
  readonly readyMs?: number;
  readonly graceSeconds?: number;
  readonly spec?: Partial<V1PodSpec>;
};

type StagedPod = Behaviour & Pick<PodOptions, 'labels' | 'annotations' | 'held' | 'ownerReferences'>;

const POLL_MS = 50;
/** After its limit has come, and its instance has died, a drainer may take so long to notice. */
const AFTER_LIMIT_MS = 5_000;

/** A real kubelet takes so much longer to start containers and to remove the pods whose containers have ended. */
const REAL_KUBELET_SECONDS = 90;

/** One scenario, one drainer: the cluster, what is drained, and the harm. */
export class Stage {
  readonly cluster: TestCluster;
  readonly scenario: Scenario;
  readonly pods: Observer;
  readonly adapter: Adapter;
  /** The node to drain. */
  node: string;
  readonly #definition: ConformanceScenario;
  readonly #runsContainers: boolean;
  readonly #faults: Faults<KubernetesFault> | undefined;
  readonly #drains: Drain[] = [];
  readonly #harm: string[] = [];
  readonly #forgiven: ((harm: Harm) => boolean)[] = [];
  readonly #cleanUps: (() => unknown)[];
  readonly #stopping: (() => void)[] = [];
  /** Nodes whose machine is off. */
  readonly #dead = new Set<string>();

  private constructor(
    definition: ConformanceScenario,
    adapter: Adapter,
    scenario: Scenario,
    pods: Observer,
    isReal: boolean,
    cleanUps: (() => unknown)[],
    faults: Faults<KubernetesFault> | undefined,
  ) {
    this.#faults = faults;
    this.#definition = definition;
    this.adapter = adapter;
    this.scenario = scenario;
    this.cluster = scenario.cluster;
    this.pods = pods;
    this.node = scenario.worker;
    this.#runsContainers = isReal;
    this.#cleanUps = cleanUps;
  }

  static async open(
    definition: ConformanceScenario,
    adapter: Adapter,
    { cluster, faults }: ConformanceCluster,
  ): Promise<Stage> {
    const cleanUps: (() => unknown)[] = [];
    const scenario = await Scenario.open({ after: (work) => cleanUps.push(work) }, cluster, definition.witness);
    const isReal = await runsContainers(cluster, scenario.worker);
    const pods = await Observer.of(cluster.watched(), scenario.namespace);
    return new Stage(definition, adapter, scenario, pods, isReal, cleanUps, faults);
  }

  /** Only with the need `simulator`. */
  get faults(): Faults<KubernetesFault> {
    if (this.#faults === undefined) throw new Error('this cluster has no faults: the scenario needs the simulator');
    return this.#faults;
  }

  /** Whether the worker nodes run containers, so that requests can be sent to them. */
  get runsContainers(): boolean {
    return this.#runsContainers;
  }

  /** Drains a Node object without a machine instead of the worker. Its pods end when they are asked to, unless it is dead. */
  async useFakeNode(node: { providerID?: string; dead?: true } = {}): Promise<string> {
    const { dead, ...spec } = node;
    this.node = await this.scenario.fakeNode(spec);
    if (dead !== true) this.#stopping.push(runFakeKubelet(this.scenario, this.pods, this.node));
    return this.node;
  }

  /** Creates a pod without a controller on the node, and waits until it is ready. */
  async pod(name: string, options: StagedPod = {}): Promise<void> {
    await this.scenario.pod(name, { ...this.#behaving(options), node: this.node });
  }

  /** Creates a pod on the node and does not wait: as if the scheduler had chosen the node before the cordon. */
  async bind(name: string, options: StagedPod = {}): Promise<void> {
    await this.scenario.create(podOn(this.node, name, this.#behaving(options)));
  }

  /** The annotations and the pod spec of a set whose pods behave so. */
  behaviour(options: Behaviour): { annotations: Record<string, string>; pod: Partial<V1PodSpec> } {
    const { annotations, spec } = this.#behaving(options);
    return { annotations, pod: spec };
  }

  /** Starts the drainer on the node, or on another one. */
  drain(asks: Asks = {}, node = this.node): Drain {
    this.scenario.drains(node);
    return this.#start(node, { node, kubeconfig: this.cluster.drainerFile }, asks, 'node');
  }

  /**
   * Lets the group of the node terminate its instance, and starts the drainer: by the instance if it knows any, otherwise by the
   * node's name, in a script that completes the hook when the drainer has exited with 0.
   */
  async drainInstance(asks: Asks = {}, node = this.node, aws?: AwsSimulator): Promise<Drain> {
    if (!this.adapter.knowsInstances) return this.drain(asks, node);
    const termination = await this.terminate({}, node, aws);
    return this.drainFor(termination, asks, node);
  }

  /** Terminates the instance of the node in a simulated group with a hook. */
  async terminate(
    options: { readonly heartbeatTimeout?: number; readonly instanceId?: string } = {},
    node = this.node,
    aws?: AwsSimulator,
  ): Promise<Termination> {
    const { spec } = await this.cluster.admin.core.readNode({ name: node });
    const instance = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: node, ...options };
    const afterwards = { after: (work: () => unknown) => this.#cleanUps.push(work) };
    return Termination.start(afterwards, this.scenario, instance, aws);
  }

  /** Starts a drainer as the lifecycle event does. */
  drainFor(
    termination: Termination,
    asks: Asks = {},
    node = this.node,
    environment: Readonly<Record<string, string>> = {},
  ): Drain {
    const instance = {
      id: termination.instanceId,
      environment: { ...termination.environmentByKubeconfig(this.cluster), ...environment },
    };
    return this.#start(node, { node, kubeconfig: this.cluster.drainerFile, instance }, asks, 'hook');
  }

  /** Waits until the drainer has ended or its time is over, and judges its end. */
  async ended(drain: Drain, what: 'has to succeed' | 'may fail' = 'has to succeed'): Promise<Ending> {
    const ending = await drain.ended();
    if (drain.wasKilled || what === 'may fail' || ending.exitCode === 0) return ending;
    await this.pods.caughtUp();
    const left = this.pods.on(drain.node);
    this.harm(
      `gave up (exit ${ending.exitCode})${left.length === 0 ? '' : ` with pods on the node: ${left.join(', ')}`}`,
    );
    return ending;
  }

  /** Waits until the instance is dead: at its limit, or earlier if the drainer says that it may go. */
  async untilTheLimit(drain: Drain): Promise<void> {
    await drain.ended();
    while (!this.#dead.has(drain.node)) await pause(POLL_MS);
  }

  /** Waits for a state that the drain brings about. False when the time is over, or every drainer has ended before it came. */
  async until(check: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<boolean> {
    const end = Date.now() + withinMs;
    for (;;) {
      const runs = this.#drains.some(({ isRunning }) => isRunning);
      if (await check()) return true;
      if (!runs || Date.now() >= end) return false;
      await pause(POLL_MS);
    }
  }

  /** Waits so long, or until every drainer has ended. */
  async while(ms: number): Promise<void> {
    await this.until(() => false, ms);
  }

  /** @param text says what happened to whom */
  harm(text: string): void {
    if (!this.#harm.includes(text)) this.#harm.push(text);
  }

  /** Fails when the pod was asked to end: it has to stay. */
  stays(name: string, what: string): void {
    if (this.pods.isAsked(name)) this.harm(`${what} ${name} was asked to end`);
  }

  /** Fails when the pod was not asked to end. */
  leaves(name: string): void {
    if (!this.pods.isAsked(name)) this.harm(`pod ${name} was never asked to end`);
  }

  /** Harm that the scenario makes certain, or that another scenario judges. */
  forgives(which: (harm: Harm) => boolean): void {
    this.#forgiven.push(which);
  }

  after(work: () => unknown): void {
    this.#cleanUps.push(work);
  }

  /** Everything that the witness and the scenario have seen. */
  async judge(): Promise<readonly string[]> {
    await this.pods.caughtUp();
    const seen = (await this.scenario.witness.harm()).filter((harm) => !this.#forgiven.some((fits) => fits(harm)));
    const texts = [...this.#harm, ...(seen.length === 0 ? [] : [harmText(seen)])];
    // Names that are new in each run say nothing to a reader.
    const ofThisRun = new RegExp(`${this.scenario.namespace}[/-]`, 'g');
    return texts.map((text) => text.replaceAll(ofThisRun, '').replaceAll(this.node, 'the node'));
  }

  /** What the drainers printed, for people. */
  get output(): string {
    return this.#drains.map(({ output }) => output).join('\n');
  }

  /** Ends the drainers now: the suite is interrupted. */
  stop(): void {
    for (const drain of this.#drains) drain.kill();
  }

  async close(): Promise<void> {
    this.stop();
    for (const stop of this.#stopping) stop();
    this.pods.close();
    for (const cleanUp of this.#cleanUps) await cleanUp();
  }

  #start(node: string, target: Parameters<Adapter['command']>[0], asks: Asks, by: 'node' | 'hook'): Drain {
    const drain = new Drain(node, this.adapter.command(target, asks));
    this.#drains.push(drain);
    const { limitSeconds } = asks;
    if (limitSeconds !== undefined) this.#dieAt(drain, limitSeconds);
    const allowed = this.#definition.limitSeconds + (this.#runsContainers ? REAL_KUBELET_SECONDS : 0);
    const endsMs = limitSeconds === undefined ? allowed * 1_000 : limitSeconds * 1_000 + AFTER_LIMIT_MS;
    const timer = setTimeout(() => {
      drain.kill();
      if (limitSeconds === undefined && drain.wasKilled) this.harm(`the drain did not end within ${allowed} s`);
    }, endsMs);
    this.#stopping.push(() => clearTimeout(timer));
    // By name, the machine goes off when whoever drains it says that it may.
    const onExit = ({ exitCode }: Ending) => {
      if (by === 'node' && exitCode === 0 && !this.#dead.has(node)) this.#die(node);
    };
    drain.ended().then(onExit, () => undefined);
    return drain;
  }

  #die(node: string): void {
    this.#dead.add(node);
    this.scenario.witness.dies(node);
  }

  #dieAt({ node, startedAt }: Drain, limitSeconds: number): void {
    this.scenario.witness.endsBy(node, startedAt + limitSeconds * 1_000);
    const timer = setTimeout(() => {
      if (!this.#dead.has(node)) this.#die(node);
    }, limitSeconds * 1_000);
    this.#stopping.push(() => clearTimeout(timer));
  }

  #behaving({ shutdownMs, readyMs, graceSeconds = 30, spec, annotations, ...options }: StagedPod) {
    const timing = {
      ...(shutdownMs !== undefined && { 'lab/shutdown-ms': String(shutdownMs) }),
      ...(readyMs !== undefined && { 'lab/ready-ms': String(readyMs) }),
    };
    const onTerm = (shutdownMs ?? 0) >= graceSeconds * 1_000 ? 'ignore' : 'graceful';
    const server = serverContainer('server', {
      shutdownMs: shutdownMs ?? 0,
      onTerm,
      ...(readyMs !== undefined && { readyMs }),
    });
    return {
      ...options,
      annotations: { ...annotations, ...timing },
      spec: {
        ...(this.#runsContainers && this.node === this.scenario.worker && { containers: [server] }),
        ...spec,
        terminationGracePeriodSeconds: graceSeconds,
      },
    };
  }

  /** Creates a set with all its pods on the worker. */
  async startOnWorker(set: KubernetesObject, replicas: number): Promise<string[]> {
    return (await this.scenario.startOnWorker(set, replicas)).map(({ metadata }) => metadata?.name ?? '');
  }
}
