import type { Budget } from '../../app/drain/budget.ts';
import type {
  BudgetSelection,
  DrainCluster,
  EvictionReply,
  NodeState,
  Sink,
  Snapshot,
} from '../../app/drain/cluster.ts';
import type { Deployment } from '../../app/drain/deployment.ts';
import type { Pod } from '../../app/drain/pod.ts';
import type { PeerNode, Replica, Workload } from '../../app/drain/workload.ts';
import { Failure } from '../../app/lib/errors.ts';
import type { ManualClock } from './clock.ts';
import { FakeBudgets } from './fake-budgets.ts';
import { FakeDeployments } from './fake-deployments.ts';
import { FakeNode } from './fake-node.ts';
import { FakeResponders } from './fake-responders.ts';
import { FakeWorkloads } from './fake-workloads.ts';
import { pod } from './objects.ts';
import type { PodBehaviour, SimulatedPod } from './pod-behaviour.ts';
import { untilAborted } from './until-aborted.ts';

/** Time from a change of a pod until the disruption controller updates the budgets. */
const CONTROLLER_MS = 20;
const never = new AbortController().signal;

/** A cluster in memory on a manual clock: pods terminate, are replaced, and count for budgets. */
export class FakeCluster implements DrainCluster {
  latencyMs = 0;
  /** Returns the error with which a call fails; undefined lets it succeed. */
  fault: (call: string) => Error | undefined = () => undefined;
  /** Pods that exist but that the watch cache does not show. */
  readonly hidden = new Set<string>();
  /** What an admission webhook says to this request; undefined: it allows it. */
  webhook: (pod: Pod, how: 'evict' | 'delete') => string | undefined = () => undefined;
  readonly evictions: { readonly name: string; readonly at: number; reply?: EvictionReply['kind'] }[] = [];
  readonly deletions: { readonly name: string; readonly uid: string; readonly at: number }[] = [];
  readonly budgets = new FakeBudgets();
  readonly node = new FakeNode();
  readonly workloads = new FakeWorkloads();
  readonly deployments: FakeDeployments;
  readonly responders: FakeResponders;
  nodeReplaced = false;
  consistentReads = 0;
  mostInFlight = 0;
  readonly #clock: ManualClock;
  readonly #pods = new Map<string, SimulatedPod>();
  readonly #podSinks = new Set<Sink<Pod>>();
  #inFlight = 0;
  #watchesStalled = false;
  #created = 0;

  constructor(clock: ManualClock) {
    this.#clock = clock;
    const ofSet = (name: string) => [...this.#pods.values()].filter(({ pod }) => pod.controller?.name === name);
    this.deployments = new FakeDeployments(clock, {
      end: (name) => {
        for (const { pod } of ofSet(name)) this.terminate(pod.uid);
      },
      create: (name, like) => {
        const [first] = ofSet(like);
        const labels = first?.pod.labels ?? {};
        this.add(pod(`new-${++this.#created}`, { labels, controller: { kind: 'ReplicaSet', name } }), {}, false);
      },
    });
    this.responders = new FakeResponders(clock, (uid) => this.terminate(uid));
  }

  add(one: Pod, { shutdownMs = 100, ...behaviour }: PodBehaviour = {}, onNode = true): void {
    this.#put({ shutdownMs, ...behaviour, pod: one, onNode });
    this.#count();
  }

  get observers(): number {
    return (
      this.#podSinks.size +
      this.budgets.observers +
      this.node.observers +
      this.workloads.observers +
      this.deployments.observers +
      this.responders.observers
    );
  }

  onNode(): Pod[] {
    return [...this.#pods.values()].filter(({ onNode }) => onNode).map(({ pod }) => pod);
  }

  /** Until the outage ends, every call fails and watches report no changes. */
  outage(): { end(): void } {
    const before = this.fault;
    this.fault = () => new Failure('connection reset', { transient: true });
    this.#watchesStalled = this.budgets.watchesStalled = true;
    return {
      end: () => {
        this.fault = before;
        this.#watchesStalled = this.budgets.watchesStalled = false;
        this.relist();
      },
    };
  }

  /** Lists everything again from the watch cache, as a reflector does when its watch has ended. */
  relist(): void {
    for (const sink of this.#podSinks) sink.replace(this.#cached());
    this.budgets.relist();
  }

  async isSameNode(signal: AbortSignal): Promise<boolean> {
    await this.#call('read node', signal);
    return !this.nodeReplaced;
  }

  async cordon(signal: AbortSignal): Promise<void> {
    await this.#call('cordon', signal);
    this.node.cordon(true);
  }

  observeNode(sink: Sink<NodeState>, signal: AbortSignal): Promise<never> {
    return this.node.observe(sink, signal);
  }

  observePods(sink: Sink<Pod>, signal: AbortSignal): Promise<never> {
    this.#podSinks.add(sink);
    if (!this.#watchesStalled) sink.replace(this.#cached());
    return untilAborted(signal, () => this.#podSinks.delete(sink));
  }

  async readPods(signal: AbortSignal): Promise<readonly Pod[]> {
    this.consistentReads++;
    await this.#call('read pods', signal);
    return this.onNode();
  }

  async readBudgets(namespace: string, signal: AbortSignal): Promise<Snapshot<Budget>> {
    await this.#call('read budgets', signal);
    return { items: this.budgets.in(namespace), resourceVersion: '1' };
  }

  observeBudgets(which: BudgetSelection, _: unknown, sink: Sink<Budget>, signal: AbortSignal): Promise<never> {
    return this.budgets.observe(which, sink, signal);
  }

  async readWorkload(of: Pod, signal: AbortSignal): Promise<Workload | undefined> {
    await this.#call('read workload', signal);
    return this.workloads.of(of);
  }

  async readReplicas(workload: Workload, signal: AbortSignal): Promise<Snapshot<Replica>> {
    await this.#call('read replicas', signal);
    return { items: this.workloads.replicas(workload, this.#pods.values()), resourceVersion: '1' };
  }

  observeReplicas(workload: Workload, _: unknown, sink: Sink<Replica>, signal: AbortSignal): Promise<never> {
    return this.workloads.observe(workload, this.#pods.values(), sink, signal);
  }

  observePeerNodes(sink: Sink<PeerNode>, signal: AbortSignal): Promise<never> {
    sink.replace(this.workloads.peerNodes);
    return untilAborted(signal, () => undefined);
  }

  async readDeployment(
    of: Pod,
    signal: AbortSignal,
  ): Promise<{ deployment: Deployment; podsWanted: number } | undefined> {
    await this.#call('read deployment', signal);
    return this.deployments.of(of);
  }

  async restartDeployment(deployment: Deployment, at: number, signal: AbortSignal): Promise<Deployment | 'changed'> {
    await this.#call('restart deployment', signal);
    const restarted = this.deployments.restart(deployment, at);
    await this.#call('restart deployment: answer', signal);
    return restarted;
  }

  async observeDeployment(from: Deployment, sink: Sink<Deployment>, signal: AbortSignal): Promise<never> {
    await this.#call('observe deployment', signal);
    return this.deployments.observe(from, sink, signal);
  }

  async evict(target: Pod, signal: AbortSignal): Promise<EvictionReply> {
    const entry: (typeof this.evictions)[number] = { name: target.name, at: this.#clock.elapsed };
    this.evictions.push(entry);
    await this.#call(`evict ${target.name}`, signal);
    const reply = this.#replyTo(target, (pod) => {
      const denial = this.webhook(pod, 'evict');
      if (denial !== undefined) return refusal(denial);
      const [first, second] = this.budgets.applyingTo(pod);
      if (second !== undefined) {
        return { kind: 'refused', message: 'more than one budget', by: { kind: 'several budgets' } };
      }
      if (first !== undefined && first.allowed <= 0) return { kind: 'blocked', budget: first.name };
      if (first !== undefined) this.budgets.recordEviction(first, pod);
      return undefined;
    });
    entry.reply = reply.kind;
    return reply;
  }

  async delete(target: Pod, signal: AbortSignal): Promise<EvictionReply> {
    this.deletions.push({ name: target.name, uid: target.uid, at: this.#clock.elapsed });
    await this.#call(`remove ${target.name}`, signal);
    return this.#replyTo(target, (pod) => {
      const denial = this.webhook(pod, 'delete');
      return denial === undefined ? undefined : refusal(denial);
    });
  }

  /** Starts the termination of a pod; does nothing if it is already terminating. */
  terminate(uid: string): void {
    const simulated = this.#pods.get(uid);
    if (simulated === undefined || simulated.pod.deletion !== undefined) return;
    const { shutdownMs, replacedAfterMs, returnsToNode = false } = simulated;
    const { graceSeconds } = simulated.pod;
    const deletion = { deadline: this.#clock.now() + graceSeconds * 1_000, graceSeconds };
    this.#put({ ...simulated, pod: { ...simulated.pod, deletion } });
    this.#count();
    if (Number.isFinite(shutdownMs)) this.#after(shutdownMs, () => this.vanish(uid));
    if (replacedAfterMs === undefined) return;
    const { namespace, labels, controller } = simulated.pod;
    const another = { namespace, labels, ...(controller !== undefined && { controller }) };
    const name = `new-${++this.#created}`;
    this.#after(replacedAfterMs, () => this.add(pod(name, another), simulated, returnsToNode));
  }

  /** Changes fields of a pod. */
  change(uid: string, to: Partial<Pod>): void {
    const simulated = this.#pods.get(uid);
    if (simulated === undefined) throw new Error(`there is no pod ${uid}`);
    this.#put({ ...simulated, pod: { ...simulated.pod, ...to } });
  }

  vanish(uid: string): void {
    const simulated = this.#pods.get(uid);
    if (simulated === undefined || !this.#pods.delete(uid)) return;
    this.workloads.changed(simulated, true);
    if (simulated.onNode && this.#isVisible(simulated.pod))
      for (const sink of this.#podSinks) sink.remove(simulated.pod);
    this.#count();
  }

  async #call(what: string, signal: AbortSignal): Promise<void> {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight);
    try {
      await (this.latencyMs > 0 ? this.#clock.sleep(this.latencyMs, signal) : Promise.resolve());
      signal.throwIfAborted();
      const fault = this.fault(what);
      if (fault !== undefined) throw fault;
    } finally {
      this.#inFlight--;
    }
  }

  #replyTo(target: Pod, refuse: (pod: Pod) => EvictionReply | undefined): EvictionReply {
    const here = [...this.#pods.values()].find(
      ({ pod }) => pod.namespace === target.namespace && pod.name === target.name,
    );
    if (here === undefined) return { kind: 'gone' };
    if (here.pod.uid !== target.uid) return { kind: 'replaced' };
    const refusal = refuse(here.pod);
    if (refusal !== undefined) return refusal;
    this.terminate(target.uid);
    return { kind: 'accepted' };
  }

  #put(simulated: SimulatedPod): void {
    this.#pods.set(simulated.pod.uid, simulated);
    this.workloads.changed(simulated);
    if (simulated.onNode && this.#isVisible(simulated.pod)) for (const sink of this.#podSinks) sink.set(simulated.pod);
  }

  #count(): void {
    this.#after(CONTROLLER_MS, () => this.budgets.recount([...this.#pods.values()].map(({ pod }) => pod)));
  }

  #cached(): Pod[] {
    return this.onNode().filter(({ name }) => !this.hidden.has(name));
  }

  #isVisible({ name }: Pod): boolean {
    return !this.#watchesStalled && !this.hidden.has(name);
  }

  #after(ms: number, then: () => void): void {
    this.#clock.sleep(ms, never).then(then);
  }
}

/** A refusal with the words of a webhook, or of admission without one. */
function refusal(message: string): EvictionReply {
  const name = /webhook "([^"]*)"/.exec(message)?.[1];
  return { kind: 'refused', message, ...(name !== undefined && { by: { kind: 'webhook', name } }) };
}
