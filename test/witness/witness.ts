import * as v from 'valibot';
import type { Departure } from '../simulator/aws/departures.ts';
import { LoadBalancers, type LoadBalancerTimes } from '../simulator/kubernetes/load-balancer.ts';
import {
  type Change,
  DaemonSet,
  Node,
  nameOf,
  PersistentVolume,
  Pod,
  PodDisruptionBudget,
  Service,
  VolumeAttachment,
  type WitnessedCluster,
  type WitnessedRequest,
} from './cluster.ts';
import type { Harm } from './harm.ts';
import {
  type BudgetLife,
  forbiddingBudget,
  instanceOf,
  overlapMs,
  PodHistory,
  type PodLife,
  runningContainers,
} from './history.ts';
import { staysByDesign } from './stays.ts';

type OfInstance = { readonly instanceId: string };

/** What the witness asks of Auto Scaling and EC2; the simulated AWS is one. */
export type WitnessedInstances = {
  onInstanceEnd(listener: (end: OfInstance) => void): () => void;
  /** The machine goes off, and everything on it dies; the instance can come back. */
  onInstanceReset(listener: (reset: OfInstance) => void): () => void;
  onInstanceReturn(listener: (back: OfInstance) => void): () => void;
  departures(instanceId: string): readonly Departure[];
  /** The target groups that send requests to one of these instances or addresses at that moment, or still have some there. */
  sendingTo(ids: readonly string[], at: number): readonly { group: string; state: 'registered' | 'draining' }[];
};

export type WitnessOptions = {
  /** Whose requests are judged: the user name of the drainer. */
  readonly user?: string;
  /** Nodes that are an instance although nothing on them proves it, by instance ID. */
  readonly nodes?: Readonly<Record<string, readonly string[]>>;
  /** The drain was told to drain DaemonSets, too: their pods do not stay by design. */
  readonly daemonSetsLeave?: boolean;
  /** Seconds before `end − grace` from which a pod may be deleted against its budget. Default: 30. */
  readonly lastResortSeconds?: number;
  readonly loadBalancers?: LoadBalancerTimes;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
};

/** Less than this may be the blur of whole seconds, and is no harm. */
const GRACE_BLUR_SECONDS = 1;
const HELD_BLUR_MS = 1_000;
const BLUR_MS = 100;

/**
 * Sees what happens to pods, volumes and traffic when instances die, and calls it harm or not.
 *
 * It knows the cluster (`WitnessedCluster`: what an administrator sees, and the requests that the API server recorded) and the
 * instances (`WitnessedInstances`: when they die). It knows nothing of the drainer but its user name: not its log, not its
 * state, none of its code. So it cannot share a mistake with it.
 *
 * An instance dies when nothing keeps it any longer: its last hook is completed, with either result, or its action is over.
 * A machine that goes off and can come back, for a new root volume, into a warm pool or stopped, kills what runs on it as well.
 * At that moment the witness writes down what was still there: containers that had not had their whole grace, volumes,
 * load balancers. What a drain did too much it judges at the end, from the recorded requests: nodes and pods of others, deletions that a
 * budget forbade before the certain end, graces that were cut short, ready pods held where no traffic came any more.
 * Pods that stay by design are no harm: `stays.ts`.
 *
 * In doubt it sees no harm: what is within the blur of clocks and of whole seconds does not count.
 */
export class Witness implements AsyncDisposable {
  readonly #cluster: WitnessedCluster;
  readonly #instances: WitnessedInstances[] = [];
  readonly #options: WitnessOptions;
  readonly #now: () => number;
  readonly #pods = new PodHistory();
  readonly #nodes = new Map<string, Node>();
  /** The instances that each node name has been, and since when: names are used again. */
  readonly #instancesOfNode = new Map<string, { readonly since: number; readonly instance: string }[]>();
  /** Nodes that are drained without an instance, and since when. */
  readonly #drainedNodes = new Map<string, number>();
  /** Nodes that another test of the same cluster drains at the same time. */
  readonly #othersNodes = new Set<string>();
  readonly #budgets = new Map<string, BudgetLife>();
  readonly #services = new Map<string, Service>();
  readonly #volumes = new Map<string, PersistentVolume>();
  readonly #attachments = new Map<string, VolumeAttachment>();
  readonly #daemonSets = new Set<string>();
  readonly #loadBalancers: LoadBalancers;
  readonly #recorded: Harm[] = [];
  readonly #deaths: Promise<void>[] = [];
  readonly #diedAt = new Map<string, number>();
  readonly #deadlines = new Map<string, number>();
  readonly #stops: (() => void)[] = [];

  private constructor(cluster: WitnessedCluster, options: WitnessOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#loadBalancers = new LoadBalancers(
      (service, node, at) => this.#emptySince(service, node, at),
      options.loadBalancers,
    );
    for (const [instance, names] of Object.entries(options.nodes ?? {}))
      for (const name of names) this.#instancesOfNode.set(name, [{ since: 0, instance }]);
  }

  /** Watches from now on. What was asked for before is not judged. */
  static async of(cluster: WitnessedCluster, options: WitnessOptions = {}): Promise<Witness> {
    const witness = new Witness(cluster, options);
    await cluster.observe((change) => witness.#see(change, witness.#now()));
    return witness;
  }

  /** Watches the instances of this account, too. */
  follow(instances: WitnessedInstances): void {
    this.#instances.push(instances);
    this.#stops.push(
      instances.onInstanceEnd(({ instanceId }) => {
        for (const node of this.#nodesOf(instanceId)) this.dies(node);
      }),
      instances.onInstanceReset(({ instanceId }) => {
        for (const node of this.#nodesOf(instanceId)) this.resets(node);
      }),
      instances.onInstanceReturn(({ instanceId }) => {
        for (const node of this.#nodesOf(instanceId)) this.#cluster.powerOn(node);
      }),
    );
  }

  #nodesOf(instanceId: string): string[] {
    return [...this.#instancesOfNode].filter(([, all]) => all.at(-1)?.instance === instanceId).map(([node]) => node);
  }

  /** This node is drained from now on although no instance ends: a drain by its name. */
  drains(node: string): void {
    // Several drainers may drain it, one after the other.
    if (!this.#drainedNodes.has(node)) this.#drainedNodes.set(node, this.#now());
  }

  /** Another test drains this node at the same time: what is done to it, and to its pods, is not judged. */
  ignores(node: string): void {
    this.#othersNodes.add(node);
  }

  /** Nothing is to be left to chance after this moment: the drain's own deadline, in milliseconds since the epoch. */
  endsBy(node: string, deadline: number): void {
    this.#deadlines.set(node, deadline);
  }

  /** The node's machine goes off now. Called for the nodes of every instance that ends, and by tests without an instance. */
  dies(node: string): void {
    this.#diedAt.set(node, this.#now());
    this.#goesOff(node, 'gone');
  }

  /** The node's machine goes off now and can come back: what is on it dies, and the node stays. */
  resets(node: string): void {
    this.#goesOff(node, 'stopped');
  }

  #goesOff(node: string, machine: 'gone' | 'stopped'): void {
    const at = this.#now();
    this.#cluster.powerOff(node, machine);
    this.#deaths.push(this.#cluster.caughtUp().then(() => this.#recordDeath(node, at)));
  }

  /** All harm until now. */
  async harm(): Promise<readonly Harm[]> {
    await this.#cluster.caughtUp();
    await Promise.all(this.#deaths);
    const requests = (await this.#cluster.requests())
      .filter(({ user, status }) => user === (this.#options.user ?? 'node-drainer') && status >= 200 && status < 300)
      .toSorted((a, b) => a.at - b.at);
    return [...this.#recorded, ...this.#held(), ...this.#judged(requests)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops) stop();
    await Promise.allSettled(this.#deaths);
    this.#cluster.close();
  }

  #see({ kind, object, gone }: Change, at: number): void {
    switch (kind) {
      case 'pods': {
        const pod = v.parse(Pod, object);
        if (gone) this.#pods.gone(pod.metadata.uid, at);
        else this.#pods.see(pod, at);
        return;
      }
      case 'nodes':
        this.#seeNode(v.parse(Node, object), gone, at);
        return;
      case 'services': {
        const service = v.parse(Service, object);
        const name = nameOf(service);
        if (gone) this.#services.delete(name);
        else this.#services.set(name, service);
        if (gone) this.#loadBalancers.serviceGone(name);
        else this.#loadBalancers.service({ name, ...service.spec }, at);
        return;
      }
      case 'poddisruptionbudgets': {
        const budget = v.parse(PodDisruptionBudget, object);
        const life = this.#budgets.get(budget.metadata.uid) ?? { states: [] };
        this.#budgets.set(budget.metadata.uid, life);
        if (gone) life.goneAt = at;
        else life.states.push({ at, budget });
        return;
      }
      case 'persistentvolumes':
        keep(this.#volumes, v.parse(PersistentVolume, object), gone);
        return;
      case 'volumeattachments':
        keep(this.#attachments, v.parse(VolumeAttachment, object), gone);
        return;
      case 'daemonsets': {
        const { uid } = v.parse(DaemonSet, object).metadata;
        if (gone) this.#daemonSets.delete(uid);
        else this.#daemonSets.add(uid);
      }
    }
  }

  #seeNode(node: Node, gone: boolean, at: number): void {
    const { name, labels, deletionTimestamp } = node.metadata;
    const instance = instanceOf(node);
    // What the test says of a node is the truth, whatever stands on it.
    const isSaid = Object.values(this.#options.nodes ?? {}).some((names) => names.includes(name));
    const known = this.#instancesOfNode.get(name) ?? [];
    if (instance !== undefined && !isSaid && known.at(-1)?.instance !== instance)
      this.#instancesOfNode.set(name, [...known, { since: known.length === 0 ? 0 : at, instance }]);
    if (gone) {
      this.#nodes.delete(name);
      this.#loadBalancers.nodeGone(name, at);
      return;
    }
    this.#nodes.set(name, node);
    const { providerID, taints } = node.spec;
    this.#loadBalancers.node(
      { name, labels, providerID, taints: taints.map(({ key }) => key), deleting: deletionTimestamp !== undefined },
      at,
    );
  }

  #stays(pod: Pod): boolean {
    return staysByDesign(pod, this.#daemonSets, this.#options.daemonSetsLeave ?? false);
  }

  #recordDeath(node: string, at: number): void {
    const here = this.#pods.all().filter(({ pod, goneAt }) => pod.spec.nodeName === node && goneAt === undefined);
    this.#recorded.push(
      ...here.flatMap((life) => this.#cutOff(life, at) ?? []),
      ...this.#attached(node, here),
      ...this.#targets(node, at),
    );
  }

  #cutOff({ pod, askedAt }: PodLife, at: number): Harm | undefined {
    const containers = runningContainers(pod);
    if (containers.length === 0 || this.#stays(pod)) return undefined;
    const grace = pod.spec.terminationGracePeriodSeconds;
    const graceGot = askedAt === undefined ? 0 : Math.max(0, Math.round((at - askedAt) / 1_000));
    const hadSigterm = askedAt !== undefined && askedAt <= at;
    if (hadSigterm && (at - askedAt) / 1_000 >= grace - GRACE_BLUR_SECONDS) return undefined;
    return { kind: 'cut off', pod: nameOf(pod), containers, hadSigterm, graceGot, grace };
  }

  /** VolumeAttachments of the node, and in-tree volumes, which have none; without those of pods that stay. */
  #attached(node: string, here: readonly PodLife[]): Harm[] {
    const kept = new Set(
      here
        .filter(({ pod }) => this.#stays(pod))
        .flatMap(({ pod }) =>
          pod.spec.volumes.flatMap(({ persistentVolumeClaim: claim }) =>
            claim === undefined ? [] : [`${pod.metadata.namespace}/${claim.claimName}`],
          ),
        ),
    );
    const isKept = (volume: string | undefined): boolean => {
      const claim = this.#volumes.get(volume ?? '')?.spec.claimRef;
      return claim !== undefined && kept.has(`${claim.namespace}/${claim.name}`);
    };
    const attachments = [...this.#attachments.values()]
      .filter(({ spec }) => spec.nodeName === node && !isKept(spec.source.persistentVolumeName))
      .map(({ metadata, spec }) => spec.source.persistentVolumeName ?? metadata.name);
    const inUse = this.#nodes.get(node)?.status.volumesInUse ?? [];
    const inTree = kept.size > 0 ? [] : inUse.filter((name) => !name.startsWith('kubernetes.io/csi/'));
    return [...attachments, ...inTree].map((volume) => ({ kind: 'volume attached', node, volume }));
  }

  #targets(node: string, at: number): Harm[] {
    const addresses = this.#nodes.get(node)?.status.addresses ?? [];
    const ids = [...this.#instancesAt(node, at), ...addresses.map(({ address }) => address)];
    const ofGroups = this.#instances.flatMap((instances) => instances.sendingTo(ids, at));
    return [
      ...this.#targetsOfServices(node, at),
      ...ofGroups.map(({ group, state }) => ({ kind: 'still a target', node, service: group, state }) as const),
    ];
  }

  #targetsOfServices(node: string, at: number): Harm[] {
    return this.#loadBalancers.services.flatMap(({ name }) => {
      const state = this.#loadBalancers.stateOf(name, node, at);
      return state === 'registered' || state === 'draining'
        ? [{ kind: 'still a target', node, service: name, state } as const]
        : [];
    });
  }

  #servedBy(service: string, node: string): readonly PodLife[] {
    const found = this.#services.get(service);
    const selector = Object.entries(found?.spec.selector ?? {});
    if (found === undefined || selector.length === 0) return [];
    return this.#pods
      .all()
      .filter(
        ({ pod: { metadata, spec } }) =>
          spec.nodeName === node &&
          metadata.namespace === found.metadata.namespace &&
          selector.every(([key, value]) => metadata.labels[key] === value),
      );
  }

  #emptySince(service: string, node: string, at: number): number | undefined {
    const spans = this.#servedBy(service, node).flatMap(({ ready }) => ready);
    if (spans.some(({ from, to }) => from <= at && (to === undefined || to > at))) return undefined;
    return Math.max(0, ...spans.flatMap(({ to }) => (to !== undefined && to <= at ? [to] : [])));
  }

  /**
   * Ready pods that got no traffic because their node had been taken out. Only with `externalTrafficPolicy: Local`: with
   * `Cluster` the other nodes send them requests.
   */
  #held(): Harm[] {
    const local = this.#loadBalancers.services.filter((service) => service.externalTrafficPolicy === 'Local');
    const nodes = new Set(
      [...this.#instancesOfNode.keys(), ...this.#drainedNodes.keys()].filter((node) =>
        this.#isMeant(node, this.#now()),
      ),
    );
    return local.flatMap(({ name: service }) =>
      [...nodes].flatMap((node) => {
        const until = this.#diedAt.get(node) ?? this.#now();
        const absences = this.#loadBalancers.absences(service, node);
        return this.#servedBy(service, node).flatMap(({ pod, ready }) => {
          const ms = absences
            .flatMap(({ from, to }) =>
              ready.map((span) => overlapMs(span, to === undefined ? { from } : { from, to }, until)),
            )
            .reduce((sum, each) => sum + each, 0);
          if (ms < HELD_BLUR_MS || this.#stays(pod)) return [];
          const seconds = Math.round(ms / 1_000);
          return [{ kind: 'held without traffic', pod: nameOf(pod), service, seconds } as const];
        });
      }),
    );
  }

  /** Was the node to be drained at that moment? */
  #isMeant(node: string, at: number): boolean {
    const since = this.#drainedNodes.get(node);
    if (since !== undefined && since <= at + BLUR_MS) return true;
    return this.#instancesAt(node, at)
      .flatMap((instance) => this.#departuresOf(instance))
      .some(({ startedAt }) => startedAt <= at + BLUR_MS);
  }

  #judged(requests: readonly WitnessedRequest[]): Harm[] {
    const askedEarlier = new Set<PodLife>();
    return requests.flatMap((request) => {
      const { resource, name = '', at } = request;
      if (!resource.startsWith('nodes') && !resource.startsWith('pods')) return [];
      if (resource.startsWith('nodes')) {
        if (this.#othersNodes.has(name)) return [];
        if (!isWrite(request) || this.#isMeant(name, at)) return [];
        return [{ kind: 'foreign', what: 'node', name, request: request.verb } as const];
      }
      if (!isWrite(request)) return [];
      const life = this.#podOf(request);
      if (this.#othersNodes.has(life?.pod.spec.nodeName ?? '')) return [];
      const harm = this.#judgedPod(request, life, askedEarlier);
      if (life !== undefined && asksToEnd(request)) askedEarlier.add(life);
      return harm;
    });
  }

  #judgedPod(request: WitnessedRequest, life: PodLife | undefined, askedEarlier: ReadonlySet<PodLife>): Harm[] {
    const { at, resource } = request;
    const verb = resource === 'pods/eviction' ? 'evict' : request.verb;
    const pod = life === undefined ? `${request.namespace}/${request.name ?? '*'}` : nameOf(life.pod);
    const node = life?.pod.spec.nodeName;
    if (life === undefined || node === undefined || !this.#isMeant(node, at))
      return [{ kind: 'foreign', what: 'pod', name: pod, request: verb }];
    if (!asksToEnd(request)) return [];
    const wasAskedBefore = (other: PodLife): boolean =>
      askedEarlier.has(other) || (other.askedAt !== undefined && other.askedAt < at - BLUR_MS);
    const harm: Harm[] = [];
    const grace = life.pod.spec.terminationGracePeriodSeconds;
    const end = this.#certainEnd(node, at);
    const wasAskedByThis = !wasAskedBefore(life) && life.askedAt !== undefined;
    const graceGot = life.askedGrace ?? grace;
    if (wasAskedByThis && !hasNothingToEnd(life, at) && graceGot < grace && at + grace * 1_000 <= end)
      harm.push({ kind: 'grace shortened', pod, graceGot, grace });
    if (verb === 'evict') return harm;
    const lastResort = end - (grace + (this.#options.lastResortSeconds ?? 30) + GRACE_BLUR_SECONDS) * 1_000;
    if (at >= lastResort) return harm;
    const budget = forbiddingBudget(life, at, this.#budgets.values(), this.#pods.all(), wasAskedBefore);
    return budget === undefined ? harm : [...harm, { kind: 'against a budget', pod, budget }];
  }

  #departuresOf(instance: string): readonly Departure[] {
    return this.#instances.flatMap((instances) => instances.departures(instance));
  }

  /** The instance that this node name was at that moment, or each of two while it may have been either. */
  #instancesAt(node: string, at: number): string[] {
    const all = this.#instancesOfNode.get(node) ?? [];
    return all
      .filter(({ since }, index) => since <= at + BLUR_MS && (all[index + 1]?.since ?? at) >= at - BLUR_MS)
      .map(({ instance }) => instance);
  }

  /** The earlier of the certain end, of what was not yet survived, and the drain's own deadline. */
  #certainEnd(node: string, at: number): number {
    const ends = this.#instancesAt(node, at)
      .flatMap((instance) => this.#departuresOf(instance))
      .filter(({ survivedAt }) => survivedAt === undefined || survivedAt >= at - BLUR_MS)
      .map(({ endsAt }) => endsAt);
    return Math.min(this.#deadlines.get(node) ?? Number.POSITIVE_INFINITY, ...ends);
  }

  /** The pod that a request was about. A name can have belonged to several pods: it was the one that was then asked to end. */
  #podOf({ namespace, name, at }: WitnessedRequest): PodLife | undefined {
    const all = this.#pods.named(namespace ?? '', name ?? '');
    const named = all.filter(
      ({ seenAt, goneAt }) => seenAt <= at + BLUR_MS && (goneAt === undefined || goneAt >= at - BLUR_MS),
    );
    const [asked] = named
      .filter(({ askedAt }) => askedAt !== undefined && Math.abs(askedAt - at) <= BLUR_MS)
      .toSorted((a, b) => Math.abs((a.askedAt ?? 0) - at) - Math.abs((b.askedAt ?? 0) - at));
    // A watch that lags shows a pod later than it was there.
    return asked ?? named.at(-1) ?? all.find(({ seenAt }) => seenAt > at);
  }
}

/** A pod that had not started or had finished when it was asked to end is deleted at once, and loses nothing. */
function hasNothingToEnd({ pod, startedAt }: PodLife, at: number): boolean {
  const { phase } = pod.status;
  return startedAt === undefined || startedAt > at || phase === 'Succeeded' || phase === 'Failed';
}

function asksToEnd({ resource, verb }: WitnessedRequest): boolean {
  return resource === 'pods/eviction' || (resource === 'pods' && verb.startsWith('delete'));
}

function isWrite({ verb }: WitnessedRequest): boolean {
  return ['create', 'update', 'patch', 'delete', 'deletecollection'].includes(verb);
}

function keep<T extends { readonly metadata: { readonly name: string } }>(
  map: Map<string, T>,
  object: T,
  gone: boolean,
): void {
  if (gone) map.delete(object.metadata.name);
  else map.set(object.metadata.name, object);
}
