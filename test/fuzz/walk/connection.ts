import type { Budget } from '../../../app/drain/budget.ts';
import type { DrainCluster, EvictionReply, NodeState, Sink } from '../../../app/drain/cluster.ts';
import type { Pod } from '../../../app/drain/pod.ts';
import { readBudget } from '../../../app/kubernetes/budgets.ts';
import { ApiError, ApiUnreachable, asDenied } from '../../../app/kubernetes/errors.ts';
import { readNode } from '../../../app/kubernetes/nodes.ts';
import { readPod, replyOf } from '../../../app/kubernetes/pods.ts';
import type { NodeRef } from '../../../app/run/find-node.ts';
import type { Cluster } from '../../../app/run/ports.ts';
import type { Attachment } from '../../../app/run/volumes.ts';
import { untilAborted } from '../../support/until-aborted.ts';
import { evict, remove } from './eviction.ts';
import type { FaultWindow } from './scenario.ts';
import { budgetObject, claimOf, NAMESPACE, NODE, nodeObject, podObject, type TruePod } from './truth.ts';
import type { Change, Deed, World } from './world.ts';

/** The client gives up on a server that says nothing. */
const CLIENT_TIMEOUT_MS = 30_000;
/** A watch that was lost is restarted with a backoff of up to this. */
const WATCH_BACKOFF_MS = 15_000;

/** A task that may be killed: it then never hears of anything again. */
export type Life = { readonly task: number; killed: boolean };

/** Resolves never. What waits for it is forgotten. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** The answer for a task that is still alive. */
export async function alive<T>(life: Life, work: Promise<T>): Promise<T> {
  try {
    const result = await work;
    return life.killed ? await never() : result;
  } catch (error) {
    if (life.killed) return never();
    throw error;
  }
}

/** Meets the latency and the faults of the moment. @throws ApiUnreachable or ApiError */
export async function meetFaults<T>(
  world: World,
  of: FaultWindow['of'],
  what: string,
  work: () => T,
  signal: AbortSignal,
): Promise<T> {
  const { clock, random, scenario } = world;
  const lost = new ApiUnreachable(`${what}: no response (connection reset)`, new Error('ECONNRESET'));
  await clock.sleep(random.next() * scenario.latencyMs, signal);
  const fault = world.faultNow(of);
  if (fault?.kind === 'hangs') {
    await clock.sleep(Math.min(CLIENT_TIMEOUT_MS, world.at(fault.toMs) - world.now), signal);
    throw lost;
  }
  if (fault?.kind === 'errors') {
    throw random.chance(0.5) ? lost : new ApiError(what, random.pick(500, 502, 503, 504), '<html>', undefined);
  }
  if (fault?.kind === 'throttled') throw new ApiError(what, 429, '', random.pick(undefined, '1', '5'));
  const isError = fault?.kind === 'lost answers' ? random.chance(0.5) : random.chance(scenario.errorRate / 2);
  if (isError) throw lost;
  const result = work();
  const isAnswerLost = fault?.kind === 'lost answers' || random.chance(scenario.errorRate / 2);
  await clock.sleep(random.next() * scenario.latencyMs, signal);
  if (isAnswerLost) throw lost;
  return result;
}

/** The cluster of the world, as one task reaches it. */
export function clusterOf(world: World, life: Life): Cluster {
  const call = <T>(what: string, work: () => T, signal: AbortSignal): Promise<T> => {
    if (life.killed) return never();
    // A request that is on its way when the task is killed may still take effect.
    return alive(life, meetFaults(world, 'cluster', what, work, signal));
  };
  const record = (deed: Omit<Deed, 'at' | 'task'>) => world.deeds.push({ at: world.now, task: life.task, ...deed });
  const current = (uid: string) => (world.node?.uid === uid ? world.node : undefined);
  const patch = async <T>(
    what: 'cordon' | 'exclude' | 'taint',
    { uid }: NodeRef,
    change: Parameters<World['changeNode']>[0],
    result: () => T,
    signal: AbortSignal,
  ): Promise<T | 'replaced'> =>
    call(
      `patch node (${what})`,
      () => {
        const node = current(uid);
        record({ what, ...(node && { node }), tookEffect: node !== undefined });
        if (node === undefined) return 'replaced';
        world.changeNode(change);
        return result();
      },
      signal,
    );
  const shown = (): NodeRef[] => (world.node === undefined ? [] : [readNode(nodeObject(world.node))]);
  return {
    server: 'https://cluster',
    policyVersion: 'policy/v1',
    nodes: {
      byName: (name, signal) => call(`get node ${name}`, () => shown().find((node) => node.name === name), signal),
      byLabel: (_, __, signal) => call('list nodes', () => [], signal),
      async *all(signal) {
        yield await call('list nodes', shown, signal);
      },
    },
    cordon: (node, exclude, signal) =>
      patch(
        'cordon',
        node,
        (it) => {
          it.cordoned = true;
          if (!exclude || it.excludedAt !== undefined) return;
          it.excludedAt = world.now;
          record({ what: 'exclude', node: it, tookEffect: true });
        },
        () => readNode(nodeObject(world.node ?? unreachable())),
        signal,
      ),
    exclude: (node, signal) =>
      patch(
        'exclude',
        node,
        (it) => (it.excludedAt ??= world.now),
        () => 'excluded' as const,
        signal,
      ),
    taint: (node, signal) =>
      patch(
        'taint',
        node,
        (it) => (it.tainted = true),
        () => 'tainted' as const,
        signal,
      ),
    markOutOfService: async () => 'replaced',
    restore: async () => [],
    setDrainConditions: async () => 'set',
    podsOf: (node) => podsOf(world, life, node, call, record),
    boundTargetGroups: async () => [],
    leasesOf: unreachable,
    readRoom: unreachable,
    volumesOf: () => ({
      attached: (except, volumesInUse, signal) =>
        call(
          'list volume attachments',
          () => {
            const claims = new Set(except.map(({ namespace, name }) => `${namespace}/${name}`));
            const here = world.volumes.filter(({ inTree, detachedAt }) => !inTree && detachedAt === undefined);
            const csi = here.filter(({ pod }) => !claims.has(`${NAMESPACE}/${claimOf(pod)}`));
            const inTree =
              except.length > 0 ? [] : volumesInUse.filter((name) => !name.startsWith('kubernetes.io/csi/'));
            return [
              ...csi.map(({ name }): Attachment => ({ kind: 'attachment', name, volume: name })),
              ...inTree.map((volume): Attachment => ({ kind: 'in-tree', volume })),
            ];
          },
          signal,
        ),
      isAttached: ({ volume }, signal) =>
        call(
          'get volume attachment',
          () => world.volumes.some(({ name, detachedAt }) => name === volume && detachedAt === undefined),
          signal,
        ),
    }),
    eventsOn: () => ({ record: () => undefined, flush: async () => undefined }),
    requests: {},
    close: async () => undefined,
  };
}

function unreachable(): never {
  throw new Error('the node was patched, and does not exist');
}

type CallApi = <T>(what: string, work: () => T, signal: AbortSignal) => Promise<T>;

function podsOf(
  world: World,
  life: Life,
  node: NodeRef,
  call: CallApi,
  record: (deed: Omit<Deed, 'at' | 'task'>) => void,
): DrainCluster {
  const podsShown = () => world.podsOnNode().map((pod) => readPod(podObject(pod, NODE)));
  const budgetsShown = () => world.budgets.map((budget) => readBudget(budgetObject(budget), 'policy/v1'));
  const nodeShown = () => (world.node === undefined ? [] : [readNode(nodeObject(world.node))]);
  const ask = async (
    how: 'evict' | 'delete',
    { name, uid }: Pod,
    send: (world: World, name: string, uid: string) => TruePod,
    signal: AbortSignal,
  ): Promise<EvictionReply> => {
    const request = () => {
      const before = world.pods.find((pod) => pod.uid === uid);
      const deed = { what: how, ...(before && { pod: before }) };
      const wasAsked = before?.askedAt !== undefined;
      try {
        send(world, name, uid);
        record({ ...deed, tookEffect: !wasAsked });
      } catch (error) {
        record({ ...deed, tookEffect: false });
        throw error;
      }
    };
    try {
      await call(`${how} ${name}`, request, signal);
      return { kind: 'accepted' };
    } catch (error) {
      const reply = error instanceof ApiError ? replyOf(error, { name }) : undefined;
      if (reply !== undefined) return reply;
      throw asDenied(error);
    }
  };
  return {
    isSameNode: async (signal) => (await call('get node', () => world.node?.uid, signal)) === node.uid,
    cordon: (signal) =>
      call(
        'cordon',
        () => {
          const same = world.node?.uid === node.uid ? world.node : undefined;
          record({ what: 'cordon', ...(same && { node: same }), tookEffect: same !== undefined });
          if (same !== undefined) world.changeNode((it) => (it.cordoned = true));
        },
        signal,
      ),
    observeNode: (sink, signal) => {
      sink.set(node);
      const [now] = nodeShown();
      const isNew = now?.resourceVersion !== node.resourceVersion;
      return watch<NodeState>(world, life, isNew ? 'list' : 'watch', sink, nodeShown, nodeChange, signal);
    },
    observePods: (sink, signal) => watch(world, life, 'list', sink, podsShown, podChange, signal),
    readPods: (signal) => call('list pods', podsShown, signal),
    readBudgets: (_, signal) => call('list budgets', () => ({ items: budgetsShown(), resourceVersion: '1' }), signal),
    observeBudgets: ({ name }, _, sink, signal) => {
      const isMeant = (budget: { readonly name: string }) => name === undefined || budget.name === name;
      const change = (change: Change) =>
        change.kind === 'budget' && isMeant(change.budget) ? budgetChange(change) : undefined;
      return watch(world, life, 'list', sink, () => budgetsShown().filter(isMeant), change, signal);
    },
    // The pods of a walk are no Deployment's: nothing is spread.
    readWorkload: async () => undefined,
    readReplicas: async () => ({ items: [], resourceVersion: '1' }),
    observeReplicas: (_workload, _from, _sink, signal) => untilAborted(signal, () => undefined),
    readDeployment: async () => undefined,
    restartDeployment: async () => 'changed',
    observeDeployment: (_from, _sink, signal) => untilAborted(signal, () => undefined),
    observePeerNodes: (_sink, signal) => untilAborted(signal, () => undefined),
    evict: (pod, signal) => ask('evict', pod, evict, signal),
    delete: (pod, signal) => ask('delete', pod, remove, signal),
  };
}

type Delivery<T> = ((sink: Sink<T>) => void) | undefined;

function podChange(change: Change): Delivery<Pod> {
  if (change.kind !== 'pod' || change.pod.where === 'elsewhere') return undefined;
  const pod = readPod(podObject(change.pod, NODE));
  return (sink) => (change.gone ? sink.remove(pod) : sink.set(pod));
}

function budgetChange(change: Change): Delivery<Budget> {
  if (change.kind !== 'budget') return undefined;
  const budget = readBudget(budgetObject(change.budget), 'policy/v1');
  return (sink) => sink.set(budget);
}

function nodeChange(change: Change): Delivery<NodeState> {
  if (change.kind !== 'node') return undefined;
  const node = readNode(nodeObject(change.node));
  return (sink) => (change.gone ? sink.remove(node) : sink.set(node));
}

/**
 * Keeps the sink up to date, a little late, as a list and its watch do. While the API cannot be reached nothing arrives; after
 * that everything is listed again.
 */
function watch<T>(
  world: World,
  life: Life,
  start: 'list' | 'watch',
  sink: Sink<T>,
  all: () => readonly T[],
  deliveryOf: (change: Change) => Delivery<T>,
  signal: AbortSignal,
): Promise<never> {
  const { random, scenario } = world;
  const lagMs = random.next() * scenario.watchLagMs;
  let isListed = start === 'watch';
  let isListing = false;
  /** Changes have numbers; a list has seen all of them so far. */
  let changes = 0;
  let listed = 0;
  const listAgain = (inMs: number) => {
    isListed = false;
    if (isListing) return;
    isListing = true;
    world.after(inMs, () => {
      isListing = false;
      if (signal.aborted || life.killed) return;
      const fault = world.faultNow('cluster');
      if (fault !== undefined) {
        listAgain(world.at(fault.toMs) - world.now + random.next() * WATCH_BACKOFF_MS);
        return;
      }
      isListed = true;
      listed = changes;
      sink.replace(all());
    });
  };
  const stop = world.listen((change) => {
    const delivery = deliveryOf(change);
    if (delivery === undefined) return;
    const number = ++changes;
    world.after(lagMs, () => {
      if (signal.aborted || life.killed || !isListed || number <= listed) return;
      const fault = world.faultNow('cluster');
      if (fault === undefined) delivery(sink);
      else listAgain(world.at(fault.toMs) - world.now + random.next() * WATCH_BACKOFF_MS);
    });
  });
  if (!isListed) listAgain(random.next() * scenario.latencyMs);
  return alive(life, untilAborted(signal, stop));
}
