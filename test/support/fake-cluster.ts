import type { Budget } from '../../app/drain/budget.ts';
import type { DrainCluster, EvictionReply, NodeState, Sink, Snapshot } from '../../app/drain/cluster.ts';
import type { Pod } from '../../app/drain/pod.ts';
import { Failure } from '../../app/lib/errors.ts';
import type { HandClock } from './clock.ts';
import { FakeBudgets } from './fake-budgets.ts';
import { FakeNode } from './fake-node.ts';
import type { Life, Living } from './life.ts';
import { pod } from './objects.ts';
import { untilAborted } from './until-aborted.ts';

/** The disruption controller comes round this long after a pod has changed. */
const CONTROLLER_MS = 20;
const never = new AbortController().signal;

/** A cluster in memory, on a clock that the test moves: pods end, are replaced and are counted by budgets. */
export class FakeCluster implements DrainCluster {
  latencyMs = 0;
  /** Every call that this judges fails with what it returns. */
  fault: (call: string) => Error | undefined = () => undefined;
  /** Pods that the API knows and that its watch cache does not show. */
  readonly hidden = new Set<string>();
  readonly evictions: { readonly name: string; readonly at: number; reply?: EvictionReply['kind'] }[] = [];
  readonly budgets = new FakeBudgets();
  readonly node = new FakeNode();
  nodeReplaced = false;
  consistentReads = 0;
  mostInFlight = 0;
  readonly #clock: HandClock;
  readonly #living = new Map<string, Living>();
  readonly #podSinks = new Set<Sink<Pod>>();
  #inFlight = 0;
  #deaf = false;
  #born = 0;

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  add(one: Pod, { shutdownMs = 100, ...life }: Life = {}, onNode = true): void {
    this.#put({ shutdownMs, ...life, pod: one, onNode });
    this.#count();
  }

  get observers(): number {
    return this.#podSinks.size + this.budgets.observers + this.node.observers;
  }

  onNode(): Pod[] {
    return [...this.#living.values()].filter(({ onNode }) => onNode).map(({ pod }) => pod);
  }

  /** No call is answered, and no change is told, until the outage ends. */
  outage(): { end(): void } {
    const before = this.fault;
    this.fault = () => new Failure('connection reset', { transient: true });
    this.#deaf = this.budgets.deaf = true;
    return {
      end: () => {
        this.fault = before;
        this.#deaf = this.budgets.deaf = false;
        this.relist();
      },
    };
  }

  /** What a reflector does when its watch has ended: everything once more, as the cache shows it. */
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
    if (!this.#deaf) sink.replace(this.#cached());
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

  observeBudgets(namespace: string, _: unknown, sink: Sink<Budget>, signal: AbortSignal): Promise<never> {
    return this.budgets.observe(namespace, sink, signal);
  }

  async evict(asked: Pod, signal: AbortSignal): Promise<EvictionReply> {
    const entry: (typeof this.evictions)[number] = { name: asked.name, at: this.#clock.elapsed };
    this.evictions.push(entry);
    await this.#call(`evict ${asked.name}`, signal);
    const reply = this.#replyTo(asked, (pod) => {
      const [over, another] = this.budgets.over(pod);
      if (another !== undefined) return { kind: 'refused', message: 'more than one budget' };
      if (over !== undefined && over.allowed <= 0) return { kind: 'blocked', budget: over.name };
      if (over !== undefined) this.budgets.take(over, pod);
      return undefined;
    });
    entry.reply = reply.kind;
    return reply;
  }

  async delete(asked: Pod, signal: AbortSignal): Promise<EvictionReply> {
    await this.#call(`remove ${asked.name}`, signal);
    return this.#replyTo(asked, () => undefined);
  }

  /** Ends a pod with its grace period; nothing happens to one that is ending already. */
  end(uid: string): void {
    const living = this.#living.get(uid);
    if (living === undefined || living.pod.deletion !== undefined) return;
    const { shutdownMs, replacedAfterMs, comesBack = false } = living;
    const deletion = { deadline: this.#clock.now() + 30_000, graceSeconds: 30 };
    this.#put({ ...living, pod: { ...living.pod, deletion } });
    this.#count();
    if (Number.isFinite(shutdownMs)) this.#after(shutdownMs, () => this.vanish(uid));
    if (replacedAfterMs === undefined) return;
    const { namespace, labels, controller } = living.pod;
    const another = { namespace, labels, ...(controller !== undefined && { controller }) };
    const name = `new-${++this.#born}`;
    this.#after(replacedAfterMs, () => this.add(pod(name, another), living, comesBack));
  }

  /** A pod becomes something else. */
  change(uid: string, to: Partial<Pod>): void {
    const living = this.#living.get(uid);
    if (living === undefined) throw new Error(`there is no pod ${uid}`);
    this.#put({ ...living, pod: { ...living.pod, ...to } });
  }

  vanish(uid: string): void {
    const living = this.#living.get(uid);
    if (living === undefined || !this.#living.delete(uid)) return;
    if (living.onNode && this.#isTold(living.pod)) for (const sink of this.#podSinks) sink.remove(living.pod);
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

  #replyTo(asked: Pod, refuse: (pod: Pod) => EvictionReply | undefined): EvictionReply {
    const here = [...this.#living.values()].find(
      ({ pod }) => pod.namespace === asked.namespace && pod.name === asked.name,
    );
    if (here === undefined) return { kind: 'gone' };
    if (here.pod.uid !== asked.uid) return { kind: 'replaced' };
    const refusal = refuse(here.pod);
    if (refusal !== undefined) return refusal;
    this.end(asked.uid);
    return { kind: 'accepted' };
  }

  #put(living: Living): void {
    this.#living.set(living.pod.uid, living);
    if (living.onNode && this.#isTold(living.pod)) for (const sink of this.#podSinks) sink.set(living.pod);
  }

  #count(): void {
    this.#after(CONTROLLER_MS, () => this.budgets.recount([...this.#living.values()].map(({ pod }) => pod)));
  }

  #cached(): Pod[] {
    return this.onNode().filter(({ name }) => !this.hidden.has(name));
  }

  #isTold({ name }: Pod): boolean {
    return !this.#deaf && !this.hidden.has(name);
  }

  #after(ms: number, then: () => void): void {
    this.#clock.sleep(ms, never).then(then);
  }
}
