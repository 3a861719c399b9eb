import { clusterNameOf, isOfOtherCluster } from '../config/cluster-source.ts';
import type { Config, Target } from '../config/drain-config.ts';
import { type Context, retry, type TimedContext } from '../context.ts';
import { NodeGone } from '../drain/cluster.ts';
import { checkDrainedByPeer, preview } from '../drain/preview.ts';
import { Failure } from '../lib/errors.ts';
import { findAction, findActionStart, type LifecycleAction } from '../lifecycle/action.ts';
import { ActionEnded, withHeartbeats } from '../lifecycle/heartbeat.ts';
import type { Outcome } from '../outcome.ts';
import { type Timeline, timelineOf } from '../timeline.ts';
import { waitForCapacity } from './capacity.ts';
import { cordonNode, drainNode } from './drain-node.ts';
import type { InstanceInfo } from './instance.ts';
import { awaitReturn, describeInstance, locateNode, noNode } from './locate-node.ts';
import type { Cluster, Ports } from './ports.ts';
import type { RunState } from './run-state.ts';

/** The instance is in service: it is not being terminated. */
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
  if (node === undefined) return noNode(config, instance, context);

  const timeline = timelineFor(config, state, taskStartedAt, context.clock.now());
  if (config.dryRun) {
    await preview(cluster.podsOf(node), timeline, config, context);
    return { kind: 'dry run' };
  }
  try {
    return await withHeartbeats(state.hooks, context, async ({ confirmed, ...beating }) => {
      for (let current = node; ; ) {
        state.events = cluster.eventsOn(current);
        try {
          // First of all, while the first heartbeat is in flight: pods that leave other nodes must not come to this one.
          const cordoned = await cordonNode(cluster, current, config, beating);
          await confirmed();
          state.drainStartedAt = timeline.drainStartedAt;
          const capacity = capacityOf(config, ports, cluster, state.group);
          return await drainNode(cluster, cordoned, timeline, config, capacity, beating);
        } catch (error) {
          if (!(error instanceof NodeGone)) throw error;
          const next = await awaitReturn(current, error, config, ports, cluster, beating);
          if (next === 'machine ended') return { kind: 'no node' };
          // This node had joined, however young its instance is.
          if (next === undefined) return noNode(config, undefined, context);
          current = next;
        }
      }
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

function timelineFor(config: Config, state: RunState, taskStartedAt: number, now: number): Timeline {
  const { target, drainStartedAt, policies } = config;
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
    policies.onDeadline,
  );
}

/** The wait for the capacity of the group; absent: there is none to wait for. */
function capacityOf(
  { capacityTimeoutMs }: Pick<Config, 'capacityTimeoutMs'>,
  ports: Ports,
  { nodes }: Cluster,
  group: string | undefined,
): ((context: Context) => Promise<void>) | undefined {
  if (group === undefined || capacityTimeoutMs === undefined) return undefined;
  return (context) =>
    waitForCapacity((signal) => ports.groupCapacity(group, signal), nodes, capacityTimeoutMs, context);
}
