import { clusterNameOf, isOfOtherCluster } from '../config/cluster-source.ts';
import type { Config, Target } from '../config/drain-config.ts';
import { type Context, retry, type TimedContext } from '../context.ts';
import { checkDrainedByPeer, preview } from '../drain/preview.ts';
import { Failure } from '../lib/errors.ts';
import { findAction, findActionStart, type LifecycleAction } from '../lifecycle/action.ts';
import { ActionEnded, withHeartbeats } from '../lifecycle/heartbeat.ts';
import type { Outcome } from '../outcome.ts';
import { type Timeline, timelineOf } from '../timeline.ts';
import { waitForCapacity } from './capacity.ts';
import { cordonNode, drainNode } from './drain-node.ts';
import { type FoundNode, findNode, type NodeRef } from './find-node.ts';
import type { Cluster, InstanceInfo, Ports } from './ports.ts';
import type { RunState } from './run-state.ts';

/** The instance is in service: nobody is terminating it. */
export class NotTerminating extends Failure {}

type InstanceTarget = Extract<Target, { kind: 'instance' }>;

/**
 * The story of a run: find the lifecycle action, reach the cluster, find the node, and drain it while heartbeats keep the
 * action alive. No heartbeat is sent before the node is found: a misconfigured drainer must not keep a dead instance billed.
 *
 * @returns how it ended
 * @throws whatever a retry cannot fix, or the reason of the signal
 */
export async function drainTarget(
  config: Config,
  ports: Ports,
  state: RunState,
  context: TimedContext,
): Promise<Outcome> {
  const { target } = config;
  const taskStartedAt = context.clock.now();
  let instance: InstanceInfo | Failure | undefined;
  if (target.kind === 'instance') {
    const action = await lookUpAction(target, config, ports, context);
    if (action.kind === 'pending') {
      state.hooks = action.hooks;
      state.group = action.group;
    } else if (!config.force && !config.dryRun) {
      return nothingPending(target, action);
    }
    [instance, state.actionStartedAt] = await Promise.all([
      describeInstance(target.instanceId, config, ports, context),
      lookUpActionStart(target, action, config, ports, context),
    ]);
    if (belongsToOtherCluster(instance, config)) return otherCluster(instance, config);
  }

  const cluster = await connect(config, ports, context);
  state.cluster = cluster;
  const node = await locateNode(config, cluster, instance, context);
  if (node === undefined) return { kind: 'no node' };

  const timeline = () => timelineFor(config, state, taskStartedAt, context.clock.now());
  if (config.dryRun) {
    await preview(cluster.podsOf(node), timeline(), config, context);
    return { kind: 'dry run' };
  }
  state.events = cluster.eventsOn(node);
  try {
    return await withHeartbeats(state.hooks, context, async ({ confirmed, ...beating }) => {
      // First of all, while the first heartbeat is in flight: pods that leave other nodes must not come to this one.
      await cordonNode(cluster, node, config, beating);
      await confirmed();
      await groupCapacity(config, ports, cluster, state.group, beating);
      const times = timeline();
      state.drainStartedAt = times.drainStartedAt;
      return drainNode(cluster, node, times, config, beating);
    });
  } catch (error) {
    // Of two tasks on one node, the slower one finds that the action has ended.
    if (!(error instanceof ActionEnded)) throw error;
    if (!(await checkDrainedByPeer(cluster.podsOf(node), config, context))) throw error;
    return { kind: 'drained by peer' };
  }
}

async function lookUpAction(
  { instanceId, action: known }: InstanceTarget,
  { cluster, connectTimeoutMs }: Pick<Config, 'cluster' | 'connectTimeoutMs'>,
  ports: Ports,
  context: TimedContext,
): Promise<LifecycleAction> {
  const { clock, report, signal, stopwatch } = context;
  const options = { what: 'look up the lifecycle action', withinMs: connectTimeoutMs };
  const lookUp = () => findAction(ports.actions, instanceId, known, clock, signal);
  const action = await stopwatch.time('action', () => retry(options, lookUp, context));
  if (action.kind === 'pending') {
    const { group, hooks } = action;
    report({ type: 'action found', cluster: clusterNameOf(cluster), group, hooks });
  }
  return action;
}

function nothingPending(
  { instanceId }: InstanceTarget,
  action: Exclude<LifecycleAction, { kind: 'pending' }>,
): Outcome {
  if (action.kind === 'none') return { kind: 'no pending action', reason: action.reason };
  throw new NotTerminating(`${instanceId} is not terminating: it is ${action.lifecycleState} in ${action.group}`, {
    advice: 'terminate it through its Auto Scaling group, or drain it anyway with --force',
  });
}

/** EC2 shortens the way to the node; without it there are other ways, so its failure is kept for later. */
async function describeInstance(
  instanceId: string,
  { connectTimeoutMs }: Pick<Config, 'connectTimeoutMs'>,
  ports: Ports,
  context: TimedContext,
): Promise<InstanceInfo | Failure | undefined> {
  const { report, signal, stopwatch } = context;
  const options = { what: `describe ${instanceId}`, withinMs: connectTimeoutMs / 4 };
  try {
    return await stopwatch.time('instance', () =>
      retry(options, () => ports.describeInstance(instanceId, signal), context),
    );
  } catch (error) {
    if (signal.aborted || !(error instanceof Failure)) throw error;
    report({
      type: 'warning',
      message: `EC2 could not describe ${instanceId}; looking for its node by label and provider ID`,
      error,
    });
    return error;
  }
}

/** Only where no event said it. */
async function lookUpActionStart(
  { instanceId, action: known }: InstanceTarget,
  action: LifecycleAction,
  { dryRun }: Pick<Config, 'dryRun'>,
  ports: Ports,
  context: Context,
): Promise<number | undefined> {
  if (known.startedAt !== undefined || action.kind !== 'pending' || dryRun) return undefined;
  return findActionStart(ports.actions, action.group, instanceId, context);
}

/** An event may reach the drainers of several clusters; only the drainer of the instance's own cluster may touch the hook. */
function belongsToOtherCluster(
  instance: InstanceInfo | Failure | undefined,
  { cluster }: Pick<Config, 'cluster'>,
): instance is InstanceInfo {
  if (instance === undefined || instance instanceof Failure) return false;
  return isOfOtherCluster(instance.clusters, cluster);
}

function otherCluster({ clusters }: InstanceInfo, { cluster }: Pick<Config, 'cluster'>): Outcome {
  return {
    kind: 'instance of another cluster',
    reason: `its tags name ${clusters.join(', ')}, not ${clusterNameOf(cluster)}`,
  };
}

async function connect(
  { connectTimeoutMs }: Pick<Config, 'connectTimeoutMs'>,
  ports: Ports,
  context: TimedContext,
): Promise<Cluster> {
  const { report, signal, stopwatch } = context;
  const options = { what: 'reach the cluster', withinMs: connectTimeoutMs };
  const cluster = await stopwatch.time('connect', () => retry(options, () => ports.connect(signal), context));
  report({ type: 'connected', server: cluster.server, policyVersion: cluster.policyVersion });
  return cluster;
}

/** The node to drain; undefined when the cluster has none for this instance. */
async function locateNode(
  { target, connectTimeoutMs }: Pick<Config, 'target' | 'connectTimeoutMs'>,
  cluster: Cluster,
  instance: InstanceInfo | Failure | undefined,
  context: TimedContext,
): Promise<NodeRef | undefined> {
  const { report, signal, stopwatch } = context;
  const lookUp = async (): Promise<FoundNode | { node: NodeRef; by: 'name' } | undefined> => {
    if (target.kind === 'instance') {
      const privateDnsName = instance instanceof Failure ? undefined : instance?.privateDnsName;
      return findNode(cluster.nodes, target.instanceId, privateDnsName, signal);
    }
    const node = await cluster.nodes.byName(target.name, signal);
    if (node === undefined) throw new Failure(`${cluster.server} has no node called ${target.name}`);
    return { node, by: 'name' };
  };
  const options = { what: 'find the node', withinMs: connectTimeoutMs };
  const found = await stopwatch.time('find', () => retry(options, lookUp, context));
  // "No such node" completes the hook: nobody who might know the node may be missing.
  if (found === undefined && instance instanceof Failure) throw instance;
  if (found === undefined) return undefined;
  const { node, by } = found;
  report({ type: 'node found', node: node.name, uid: node.uid, providerID: node.providerID, matchedBy: by });
  return node;
}

function timelineFor(config: Config, state: RunState, taskStartedAt: number, now: number): Timeline {
  const { target, drainStartedAt } = config;
  return timelineOf(
    {
      now,
      taskStartedAt,
      eventTime: target.kind === 'instance' ? target.action.startedAt : undefined,
      actionStartedAt: state.actionStartedAt,
      drainStartedAt,
      globalTimeouts: state.hooks.map(({ globalTimeoutSeconds }) => globalTimeoutSeconds),
    },
    config,
  );
}

async function groupCapacity(
  { capacityTimeoutMs }: Pick<Config, 'capacityTimeoutMs'>,
  ports: Ports,
  { nodes }: Cluster,
  group: string | undefined,
  context: TimedContext,
): Promise<void> {
  if (group === undefined || capacityTimeoutMs === undefined) return;
  const capacity = (signal: AbortSignal) => ports.groupCapacity(group, signal);
  await context.stopwatch.time('capacity', () => waitForCapacity(capacity, nodes, capacityTimeoutMs, context));
}
