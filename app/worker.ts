import { findActionBegin } from './action-begin.ts';
import { clusterNameOf, isOfAnotherCluster } from './config/cluster-source.ts';
import type { Config } from './config/drain-config.ts';
import { circumstancesAt, cordonNode, drainNode } from './drain-node.ts';
import { dryRun } from './dry-run.ts';
import { Failure } from './failure.ts';
import { type Candidate, type Found, findNode } from './find-node.ts';
import type { Holdings } from './holdings.ts';
import { orDrainedByAnother } from './last-look.ts';
import { whileBeating } from './lifecycle.ts';
import type { Outcome } from './outcome.ts';
import type { ConnectedCluster, InstanceFacts, Ports } from './ports.ts';
import { tryFor } from './retry.ts';
import type { TimedSurroundings } from './surroundings.ts';

/** The instance is at work in its group: nobody asked for its end. */
export class NotTerminating extends Failure {}

/**
 * The story of a run: find the lifecycle action, reach the cluster, find the node, and drain it while the hook beats.
 * No heartbeat is sent before the node is found, so that a misconfigured drainer never keeps a dead instance billed.
 *
 * @returns how it ended; rejects with whatever cannot be mended, or with the reason of the signal
 */
export async function drainTarget(
  config: Config,
  ports: Ports,
  holdings: Holdings,
  context: TimedSurroundings,
): Promise<Outcome> {
  const { target } = config;
  const ownStart = context.clock.now();
  let facts: InstanceFacts | Failure | undefined;
  if (target.kind === 'instance') {
    const ended = await findAction(target.instanceId, config, ports, holdings, context);
    if (ended !== undefined) return ended;
    [facts] = await Promise.all([
      describeInstance(target.instanceId, config, ports, context),
      findActionBegin(config, ports, holdings, context),
    ]);
    const elsewhere = otherClusterOf(config, facts);
    if (elsewhere !== undefined) return elsewhere;
  }
  const startedAt = beganAt(config, holdings, ownStart);

  const cluster = await connect(config, ports, holdings, context);
  const found = await find(config, cluster, facts, context);
  if (found === undefined) return { kind: 'no node' };

  if (config.dryRun) {
    await dryRun(cluster.podsOf(found), circumstancesAt(config, ownStart), context);
    return { kind: 'dry run' };
  }
  holdings.events = cluster.eventsOn(found);
  const capacity = holdings.group === undefined ? undefined : groupCapacity(ports, holdings.group);
  // At once, while the first heartbeat is still under way; not any more when the action has ended.
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  const cordoned = cordonNode(config, cluster, found, { ...context, signal });
  cordoned.catch(() => undefined);
  const drainWhileBeating = async (signal: AbortSignal): Promise<Outcome> => {
    signal.addEventListener('abort', () => over.abort(signal.reason), { once: true });
    await cordoned;
    return drainNode(config, cluster, found, holdings, startedAt, capacity, { ...context, signal });
  };
  const ended = await whileBeating(holdings.hooks, drainWhileBeating, context)
    .catch((error: unknown) =>
      orDrainedByAnother(error, cluster.podsOf(found), circumstancesAt(config, ownStart), context),
    )
    .finally(() => {
      over.abort();
      return cordoned.catch(() => undefined);
    });
  return ended === 'no pending action'
    ? { kind: ended, why: 'the first heartbeat found no active lifecycle action' }
    : ended;
}

/**
 * By our clock, or by what the event or Auto Scaling says, whichever is earlier: what comes from the future comes from a
 * clock that is wrong. If neither says anything, the drain at least did not begin before the action.
 */
function beganAt({ target, drainBeganAt }: Config, { actionBeganAt }: Holdings, ownStart: number): number {
  const told = target.kind === 'instance' ? target.action.beganAt : undefined;
  return Math.min(ownStart, told ?? actionBeganAt ?? drainBeganAt ?? ownStart);
}

function groupCapacity(ports: Ports, group: string) {
  return (signal: AbortSignal) => ports.groupCapacity(group, signal);
}

/** Looks up the lifecycle action; an outcome means that there is nothing to do. */
async function findAction(
  instanceId: string,
  { cluster, force, dryRun, connectTimeoutMs }: Config,
  ports: Ports,
  holdings: Holdings,
  context: TimedSurroundings,
): Promise<Outcome | undefined> {
  const { report, signal, stopwatch } = context;
  const look = () => ports.findAction(instanceId, signal);
  const action = await stopwatch.time('action', () =>
    tryFor(connectTimeoutMs, 'look up the lifecycle action', look, context),
  );
  switch (action.kind) {
    case 'pending':
      holdings.hooks = action.hooks;
      holdings.group = action.group;
      report({ type: 'action found', cluster: clusterNameOf(cluster), group: action.group, hooks: action.hooks });
      return undefined;
    case 'none':
      return force || dryRun ? undefined : { kind: 'no pending action', why: action.why };
    case 'not terminating':
      if (force || dryRun) return undefined;
      throw new NotTerminating(`${instanceId} is not terminating: it is ${action.lifecycleState} in ${action.group}`, {
        advice: 'terminate it through its Auto Scaling group, or drain it all the same with --force',
      });
  }
}

/** EC2's word is a short cut to the node; without it there are other ways, so its failure is kept for later. */
async function describeInstance(
  instanceId: string,
  { connectTimeoutMs }: Config,
  ports: Ports,
  context: TimedSurroundings,
): Promise<InstanceFacts | Failure | undefined> {
  const { report, signal, stopwatch } = context;
  const describe = () => ports.describeInstance(instanceId, signal);
  try {
    return await stopwatch.time('instance', () =>
      tryFor(connectTimeoutMs / 4, `describe ${instanceId}`, describe, context),
    );
  } catch (error) {
    if (signal.aborted || !(error instanceof Failure)) throw error;
    report({
      type: 'warning',
      message: `EC2 does not tell about ${instanceId}; its node is looked for by label and provider ID`,
      error,
    });
    return error;
  }
}

/** An event may reach the drainers of several clusters; only the one whose cluster it is may touch the hook. */
function otherClusterOf({ cluster }: Config, facts: InstanceFacts | Failure | undefined): Outcome | undefined {
  if (facts === undefined || facts instanceof Failure || !isOfAnotherCluster(facts.clusters, cluster)) return undefined;
  return {
    kind: 'instance of another cluster',
    why: `its tags name ${facts.clusters.join(', ')}, not ${clusterNameOf(cluster)}`,
  };
}

async function connect(
  { connectTimeoutMs }: Config,
  ports: Ports,
  holdings: Holdings,
  context: TimedSurroundings,
): Promise<ConnectedCluster> {
  const { report, signal, stopwatch } = context;
  const cluster = await stopwatch.time('connect', () =>
    tryFor(connectTimeoutMs, 'reach the cluster', () => ports.connect(signal), context),
  );
  holdings.cluster = cluster;
  report({ type: 'connected', server: cluster.server, policyVersion: cluster.policyVersion });
  return cluster;
}

/** The node to drain; undefined when the cluster has none for this instance. */
async function find(
  { target, connectTimeoutMs }: Config,
  cluster: ConnectedCluster,
  facts: InstanceFacts | Failure | undefined,
  context: TimedSurroundings,
): Promise<Candidate | undefined> {
  const { report, signal, stopwatch } = context;
  const look = async (): Promise<Found | { node: Candidate; by: 'name' } | undefined> => {
    if (target.kind === 'instance') {
      const privateDnsName = facts instanceof Failure ? undefined : facts?.privateDnsName;
      return findNode(cluster.nodes, target.instanceId, privateDnsName, signal);
    }
    const node = await cluster.nodes.byName(target.name, signal);
    if (node === undefined) throw new Failure(`${cluster.server} has no node called ${target.name}`);
    return { node, by: 'name' };
  };
  const found = await stopwatch.time('find', () => tryFor(connectTimeoutMs, 'find the node', look, context));
  // "No such node" would complete the hook: it takes the word of everybody who might know one.
  if (found === undefined && facts instanceof Failure) throw facts;
  if (found === undefined) return undefined;
  const { node, by } = found;
  report({ type: 'node found', node: node.name, uid: node.uid, providerID: node.providerID, by });
  return node;
}
