import type { ManualClock } from '../../support/clock.ts';
import { Seeded } from '../../support/seeded.ts';
import type { FaultWindow, NodeEvent, PodPlan, Scenario } from './scenario.ts';
import { INSTANCE } from './scenario.ts';
import {
  claimOf,
  isDaemonSet,
  isRunning,
  NAMESPACE,
  NODE,
  type TrueBudget,
  type TrueNode,
  type TruePod,
  type TrueVolume,
} from './truth.ts';

/** Pods of a node that does not exist are deleted after this long, by the pod garbage collector of Kubernetes. */
const POD_GC_MS = 40_000;
/** A DaemonSet puts a pod back this long after the last one has gone, and so does a controller that names the node. */
const RECREATED_MS = 1_000;

/** Something that changed, for those who watch. */
export type Change =
  | { readonly kind: 'pod'; readonly pod: TruePod; readonly gone: boolean }
  | { readonly kind: 'budget'; readonly budget: TrueBudget }
  | { readonly kind: 'node'; readonly node: TrueNode; readonly gone: boolean };

/** What the drainer did to the cluster, for the witness. */
export type Deed = {
  readonly at: number;
  readonly task: number;
  readonly what: 'evict' | 'delete' | 'exclude' | 'cordon' | 'taint';
  /** The pod that had the UID; undefined: no such pod. */
  readonly pod?: TruePod;
  readonly node?: TrueNode;
  readonly tookEffect: boolean;
};

/** How the life of the instance ended. */
export type Death = {
  readonly at: number;
  readonly cause: 'completed' | 'heartbeat timeout' | 'global timeout' | 'machine ended';
  readonly task?: number;
};

/** Is the label on the node, and since when? And what stood on the node then. */
export type Span = { readonly from: number; readonly to: number };

/**
 * The truth of one walk: a machine with its kubelet, its pods and volumes, its node object, and the controllers around it. It
 * lives on the clock, whatever the drainer does, and keeps what happened for the witness.
 */
export class World {
  readonly scenario: Scenario;
  readonly clock: ManualClock;
  readonly startedAt: number;
  readonly random: Seeded;
  readonly pods: TruePod[] = [];
  readonly budgets: TrueBudget[] = [];
  readonly volumes: TrueVolume[] = [];
  readonly deeds: Deed[] = [];
  /** When the node object did not exist. */
  readonly absences: { readonly from: number; to: number }[] = [];
  /** When no kubelet did anything. */
  readonly silences: { readonly from: number; to: number }[] = [];
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #over = new AbortController();
  node: TrueNode | undefined;
  death: Death | undefined;
  #deathHeard: ((death: Death) => void)[] = [];
  #nodes = 0;
  #created = 0;
  #recounting = false;

  constructor(scenario: Scenario, clock: ManualClock) {
    this.scenario = scenario;
    this.clock = clock;
    this.startedAt = clock.now();
    this.random = new Seeded(scenario.seed ^ 0x5eed);
    this.#begin();
  }

  get now(): number {
    return this.clock.now();
  }

  /** Milliseconds of the scenario as an instant. */
  at(ms: number): number {
    return this.startedAt + ms;
  }

  after(ms: number, then: () => void): void {
    if (!Number.isFinite(ms)) return;
    this.clock.sleep(ms, this.#over.signal).then(then, () => undefined);
  }

  /** Nothing happens any more. */
  end(): void {
    this.#over.abort(new Error('the walk is over'));
  }

  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onDeath(listener: (death: Death) => void): void {
    this.#deathHeard.push(listener);
  }

  /** The fault that calls meet now. */
  faultNow(of: FaultWindow['of']): FaultWindow | undefined {
    const ms = this.now - this.startedAt;
    return this.scenario.faults.find((fault) => fault.of === of && fault.fromMs <= ms && ms < fault.toMs);
  }

  /** The pods that the API shows on a node of this name. */
  podsOnNode(): TruePod[] {
    return this.pods.filter(({ where, goneAt }) => where !== 'elsewhere' && goneAt === undefined);
  }

  /** The API deletes the pod, with its own grace period. */
  terminate(pod: TruePod): void {
    if (pod.askedAt !== undefined || pod.goneAt !== undefined) return;
    pod.askedAt = this.now;
    pod.ready = false;
    this.#tell({ kind: 'pod', pod, gone: false });
    this.#recount();
    if (pod.phase !== 'Running') this.#finishTermination(pod);
    else this.#kubeletSees(pod);
    const { replacedAfterMs } = pod.plan;
    const isPut = pod.plan.mark === 'returns' || isDaemonSet(pod);
    if (replacedAfterMs !== undefined && !isPut && pod.where !== 'other')
      this.after(replacedAfterMs, () => this.#add(pod.plan, 'elsewhere', 0));
  }

  /** The machine is off. */
  die(death: Omit<Death, 'at'>): void {
    if (this.death !== undefined) return;
    this.death = { ...death, at: this.now };
    for (const heard of this.#deathHeard) heard(this.death);
  }

  changeNode(change: (node: TrueNode) => void): void {
    if (this.node === undefined) return;
    change(this.node);
    this.node.version++;
    this.#tell({ kind: 'node', node: this.node, gone: false });
  }

  budgetChanged(budget: TrueBudget): void {
    this.#tell({ kind: 'budget', budget });
    this.#recount();
  }

  #begin(): void {
    const { apps, pods, node, scenario } = { ...this.scenario, scenario: this.scenario };
    if (node.exists) this.#register(INSTANCE, -3_600_000, scenario.lifeMs === 0);
    for (const app of apps) {
      for (const { minAvailable, policy } of app.budgets) {
        const name = `${app.name}-${this.budgets.length}`;
        const counts = { generation: 1, observedGeneration: 1, allowed: 0, healthy: 0, expected: 0, disrupted: {} };
        this.budgets.push({ uid: `budget-${name}`, name, app, minAvailable, policy, ...counts });
      }
      const plan = pods.find((pod) => pod.app === app.name);
      for (let index = 0; plan !== undefined && index < app.elsewhere; index++)
        this.#add({ ...plan, ready: true, phase: 'Running' }, 'elsewhere', 0);
      if (app.relaxedAtMs !== undefined) this.after(app.relaxedAtMs, () => this.#relax(app.name));
    }
    if (!node.exists) return;
    for (const plan of pods) {
      if (plan.arrivesAtMs < 0) this.#add(plan, 'machine', 0);
      else this.after(plan.arrivesAtMs, () => this.#lands(plan));
    }
    for (const budget of this.budgets) this.#count(budget);
    for (const event of node.events) this.after(event.atMs, () => this.#happen(event));
  }

  #register(instanceId: string, ageMs: number, cordoned: boolean): void {
    const number = ++this.#nodes;
    this.node = {
      name: NODE,
      uid: `node-${number}`,
      instanceId,
      createdAt: this.now + ageMs,
      version: number * 10_000,
      ready: 'True',
      cordoned,
      tainted: false,
      volumesInUse: this.volumes
        .filter(({ inTree, detachedAt }) => inTree && detachedAt === undefined)
        .map(({ name }) => name),
    };
    this.#tell({ kind: 'node', node: this.node, gone: false });
  }

  #happen(event: NodeEvent): void {
    if (this.death !== undefined) return;
    switch (event.kind) {
      case 'uncordon':
        this.changeNode((node) => {
          node.cordoned = false;
        });
        if (event.landsAfterMs !== undefined) this.after(event.landsAfterMs, () => this.#schedule());
        return;
      case 'flap':
        this.#flap(event.ready, event.forMs);
        return;
      case 'delete':
        this.#deleteNode(event.backAfterMs);
        return;
      case 'machine ends':
        this.#machineEnds(event.nameReusedAfterMs);
    }
  }

  #flap(ready: 'False' | 'Unknown', forMs: number): void {
    const silence = { from: this.now, to: this.now + forMs };
    if (ready === 'Unknown') this.silences.push(silence);
    const set = (to: TrueNode['ready']) => this.changeNode((node) => Object.assign(node, { ready: to }));
    set(ready);
    this.after(forMs, () => {
      if (this.death !== undefined || this.#isSilent()) return;
      set('True');
      for (const pod of this.pods) if (pod.askedAt !== undefined) this.#kubeletSees(pod);
    });
  }

  #isSilent(): boolean {
    return this.silences.some(({ from, to }) => from <= this.now && this.now < to);
  }

  #deleteNode(backAfterMs: number | undefined): void {
    const { node } = this;
    if (node === undefined) return;
    this.node = undefined;
    const absence = { from: this.now, to: Number.POSITIVE_INFINITY };
    this.absences.push(absence);
    this.#tell({ kind: 'node', node, gone: true });
    this.after(POD_GC_MS, () => {
      if (absence.to > this.now) for (const pod of this.podsOnNode()) this.#collect(pod);
    });
    if (backAfterMs === undefined) return;
    this.after(backAfterMs, () => {
      if (this.death !== undefined || this.node !== undefined) return;
      absence.to = this.now;
      this.#register(INSTANCE, 0, false);
      if (this.#isSilent()) this.changeNode((again) => Object.assign(again, { ready: 'Unknown' }));
      if (this.random.chance(0.4)) this.after(2_000, () => this.#schedule());
    });
  }

  /** The garbage collector deletes the object at once; a living kubelet still gives the containers their grace. */
  #collect(pod: TruePod): void {
    if (pod.askedAt === undefined) pod.askedAt = this.now;
    this.#kubeletSees(pod);
    this.#gone(pod);
  }

  #machineEnds(nameReusedAfterMs: number): void {
    this.die({ cause: 'machine ended' });
    const { node } = this;
    if (node === undefined) return;
    this.changeNode((dying) => Object.assign(dying, { ready: 'Unknown' }));
    this.after(nameReusedAfterMs, () => {
      if (this.node !== undefined) {
        this.absences.push({ from: this.now, to: Number.POSITIVE_INFINITY });
        this.#tell({ kind: 'node', node: this.node, gone: true });
      }
      for (const pod of this.podsOnNode()) this.#gone(pod);
      this.#register('i-0fffffffffffffff0', 0, false);
      for (const plan of this.scenario.pods.slice(0, 4))
        this.#add({ ...plan, phase: 'Running', webhook: undefined }, 'other', 0);
    });
  }

  /** A pod that had been bound before the cordon, or whose controller names the node. */
  #lands(plan: PodPlan): void {
    if (this.death === undefined && this.node !== undefined) this.#add(plan, 'machine', 0);
  }

  /** The scheduler takes the node for a free one. */
  #schedule(): void {
    const plan = this.scenario.pods.find(({ mark }) => mark === undefined);
    if (plan !== undefined && this.node?.cordoned === false) this.#lands({ ...plan, phase: 'Running' });
  }

  #add(plan: PodPlan, where: TruePod['where'], returns: number): void {
    const number = ++this.#created;
    const name = plan.mark === 'returns' && where === 'machine' ? plan.name : `${plan.name}-${number}`;
    const pod: TruePod = {
      uid: `${NAMESPACE}/${name}#${number}`,
      name,
      plan,
      where,
      returns,
      bornAt: this.now,
      phase: where === 'elsewhere' ? 'Running' : plan.phase,
      ready: plan.phase === 'Running' && plan.ready,
    };
    this.pods.push(pod);
    if (where === 'machine' && plan.detachMs !== undefined && pod.phase === 'Running') this.#attach(pod);
    this.#tell({ kind: 'pod', pod, gone: false });
    this.#recount();
    if (plan.finishesAtMs !== undefined && where === 'machine')
      this.after(Math.max(1_000, this.at(plan.finishesAtMs) - this.now), () => this.#finish(pod));
  }

  /** The next pod of a claim finds its volume where it is. */
  #attach(pod: TruePod): void {
    const { inTree } = pod.plan;
    const name = `${inTree ? 'kubernetes.io/aws-ebs' : 'kubernetes.io/csi'}/${claimOf(pod)}`;
    const attached = this.volumes.find((volume) => volume.name === name && volume.detachedAt === undefined);
    if (attached !== undefined) {
      attached.pod = pod;
      return;
    }
    this.volumes.push({ pod, name, inTree });
    if (inTree) this.changeNode((node) => node.volumesInUse.push(name));
  }

  /** A job is done. */
  #finish(pod: TruePod): void {
    if (!isRunning(pod) || pod.askedAt !== undefined || this.#isSilent() || this.death !== undefined) return;
    this.#containersEnd(pod);
    pod.phase = 'Succeeded';
    pod.ready = false;
    this.#tell({ kind: 'pod', pod, gone: false });
    this.#recount();
  }

  #kubeletSees(pod: TruePod): void {
    if (pod.where === 'elsewhere') {
      this.after(1_000, () => this.#gone(pod));
      return;
    }
    if (pod.sigtermAt !== undefined || pod.endedAt !== undefined || this.#isSilent()) return;
    if (this.death !== undefined && pod.where === 'machine') return;
    pod.sigtermAt = this.now;
    const graceMs = pod.plan.graceSeconds * 1_000;
    this.after(Math.min(pod.plan.shutdownMs, graceMs) + 50, () => {
      if (this.death === undefined || pod.where === 'other') this.#containersEnd(pod);
    });
  }

  #containersEnd(pod: TruePod): void {
    if (pod.endedAt !== undefined) return;
    pod.endedAt = this.now;
    const volume = this.volumes.find((one) => one.pod === pod);
    if (volume !== undefined)
      this.after(pod.plan.detachMs ?? 0, () => {
        if (volume.pod === pod) this.#detach(volume);
      });
    this.#tell({ kind: 'pod', pod, gone: false });
    if (pod.askedAt !== undefined) this.#report(pod);
  }

  /** The kubelet tells the API that the containers have ended; silent, it does so when it is heard again. */
  #report(pod: TruePod): void {
    const silence = this.silences.find(({ from, to }) => from <= this.now && this.now < to);
    if (silence === undefined) this.#finishTermination(pod);
    else this.after(silence.to - this.now + 1, () => this.#report(pod));
  }

  #finishTermination(pod: TruePod): void {
    const { finalizerMs = 0, mark } = pod.plan;
    this.after(finalizerMs + 20, () => this.#gone(pod));
    if (pod.where !== 'machine' || this.death !== undefined) return;
    const isPutBack =
      mark === 'returns' || (isDaemonSet(pod) && (this.node?.tainted !== true || mark === 'tolerant daemonset'));
    if (isPutBack)
      this.after(finalizerMs + RECREATED_MS, () => {
        if (this.death === undefined && this.node !== undefined) this.#add(pod.plan, 'machine', pod.returns + 1);
      });
  }

  #detach(volume: TrueVolume): void {
    if (this.death !== undefined) return;
    volume.detachedAt = this.now;
    if (volume.inTree)
      this.changeNode((node) =>
        Object.assign(node, { volumesInUse: node.volumesInUse.filter((name) => name !== volume.name) }),
      );
  }

  #gone(pod: TruePod): void {
    if (pod.goneAt !== undefined) return;
    pod.goneAt = this.now;
    if (pod.where === 'elsewhere') pod.endedAt ??= this.now;
    this.#tell({ kind: 'pod', pod, gone: true });
    this.#recount();
  }

  #relax(app: string): void {
    for (const budget of this.budgets) {
      if (budget.app.name !== app) continue;
      budget.minAvailable = 0;
      budget.generation++;
      this.budgetChanged(budget);
    }
  }

  /** The disruption controller looks at all budgets a little after something has changed. */
  #recount(): void {
    if (this.#recounting) return;
    this.#recounting = true;
    this.after(this.scenario.controllerMs, () => {
      this.#recounting = false;
      for (const budget of this.budgets) if (this.#count(budget)) this.#tell({ kind: 'budget', budget });
    });
  }

  /** As pkg/controller/disruption counts. @returns whether that changed anything */
  #count(budget: TrueBudget): boolean {
    const before = JSON.stringify(budget);
    const covered = this.pods.filter(({ plan, goneAt, phase }) => {
      return plan.app === budget.app.name && goneAt === undefined && phase !== 'Succeeded';
    });
    for (const name of Object.keys(budget.disrupted)) {
      const pod = covered.find((one) => one.name === name);
      if (pod === undefined || pod.askedAt !== undefined) delete budget.disrupted[name];
    }
    const healthy = covered.filter(({ ready, askedAt, name }) => {
      return ready && askedAt === undefined && budget.disrupted[name] === undefined;
    });
    budget.healthy = healthy.length;
    budget.expected = covered.length;
    budget.observedGeneration = budget.generation;
    budget.allowed = Math.max(0, budget.healthy - budget.minAvailable);
    return JSON.stringify(budget) !== before;
  }

  #tell(change: Change): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}
