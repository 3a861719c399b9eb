import {
  type ClusterSource,
  clusterNameOf,
  hasName,
  resolveCluster,
  UNKNOWN_CLUSTER_ADVICE,
} from '../config/cluster-source.ts';
import type { Config, Target } from '../config/drain-config.ts';
import { HOLD_TAG, namedClusters } from '../config/tags.ts';
import { type Context, retry, type TimedContext } from '../context.ts';
import { NodeGone } from '../drain/cluster.ts';
import { checkDrainedByPeer, preview } from '../drain/preview.ts';
import { Failure, isBug } from '../lib/errors.ts';
import { believable, type LifecycleAction } from '../lifecycle/action.ts';
import { ActionEnded, type Retention, withHeartbeats } from '../lifecycle/heartbeat.ts';
import { becomesRetained } from '../lifecycle/retention.ts';
import type { Outcome } from '../outcome.ts';
import { type Durations, type Timeline, timelineOf } from '../timeline.ts';
import { DrainConditions } from './drain-conditions.ts';
import { cordonNode, drainNode } from './drain-node.ts';
import type { NodeRef } from './find-node.ts';
import { withGates } from './gates.ts';
import { type InstanceInfo, isOn } from './instance.ts';
import { awaitReturn, describeInstance, locateNode, noNode } from './locate-node.ts';
import { lookUpAction, lookUpActionStart, nothingPending } from './look-up-action.ts';
import { Machine, MachineIsOn, whileOff } from './machine.ts';
import { PAUSED } from './node-commands.ts';
import type { Cluster, Ports } from './ports.ts';
import type { RunState } from './run-state.ts';
import { targetsOf, whileLooking } from './targets.ts';

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
  if (config.paused) return { kind: 'paused', reason: PAUSED };
  const taskStartedAt = context.clock.now();
  state.taskStartedAt = taskStartedAt;
  let instance: InstanceInfo | Failure | undefined;
  let action: LifecycleAction | undefined;
  if (target.kind === 'instance') {
    const known = believable(target.action, taskStartedAt, context.report);
    action = await lookUpAction(target.instanceId, known, config, ports, context);
    const nothing = nothingPending(target.instanceId, action, config);
    if (nothing !== undefined) return nothing;
    if (action.kind === 'pending') {
      state.hooks = action.hooks;
      state.isReplacement = action.isReplacement ?? false;
    }
    if (action.kind === 'retained') state.retained = config.finishRetained;
    if (action.kind === 'pending' || action.kind === 'retained') state.group = action.group;
    [instance, state.actionStartedAt] = await Promise.all([
      describeInstance(target.instanceId, config, ports, context),
      lookUpActionStart(target.instanceId, known, action, config, ports, context),
    ]);
  }
  const source = clusterSourceOf(config, instance, context);
  if ('outcome' in source) return source.outcome;
  state.source = source;
  const isForStop = config.reason === 'instance-stopped' && action?.kind !== 'pending';
  if (isForStop && isOn(instance)) return { kind: 'no pending action', reason: MACHINE_IS_ON };

  const cluster = await connect(source, config, ports, context);
  state.cluster = cluster;
  const node = await locateNode(config, cluster, instance, context);
  if (node === undefined) {
    if (action?.kind === 'pending' && action.isWarm) return { kind: 'no node' };
    return noNode(config, instance, context);
  }

  const isRetained = await lookUpRetention(action, config, ports, context);
  const timeline = timelineFor(config, state, isRetained, taskStartedAt, context.clock.now());
  if (config.dryRun) {
    await preview(cluster.podsOf(node), timeline, config, context);
    return { kind: 'dry run' };
  }
  const retention = retentionOf(target, timeline, state, ports);
  const describe = async (context: TimedContext) =>
    target.kind === 'node' ? undefined : describeInstance(target.instanceId, config, ports, context);
  try {
    return await withHeartbeats(
      state.hooks,
      context,
      async ({ confirmed, ...beating }) => {
        for (let current = node; ; ) {
          state.events = cluster.eventsOn(current);
          try {
            // An instance on its way into a warm pool may be a new one, which is not to be cordoned.
            if (action?.kind === 'pending' && action.isUncertain) await confirmed();
            // First of all, while the first heartbeat is in flight: pods that leave other nodes must not come to this one.
            const cordoned = await cordonNode(cluster, current, config, beating);
            state.conditions = new DrainConditions(cluster, cordoned, context);
            state.conditions.start(target, config.reason);
            await confirmed();
            state.drainStartedAt = timeline.drainStartedAt;
            const machine = machineOf(config, cluster, cordoned, instance, describe);
            const targets = targetsOf(config, ports, cluster, cordoned, source);
            const drain = (context: TimedContext) =>
              whileLooking(targets, context, (context) =>
                withGates(config, ports, cluster, cordoned, timeline, state, context, (gates, context) =>
                  drainNode(cluster, cordoned, timeline, config, gates, machine, targets, context),
                ),
              );
            return await (isForStop ? whileOff(describe, beating, drain) : drain(beating));
          } catch (error) {
            if (error instanceof MachineIsOn) return restoreNode(cluster, current, state, context);
            if (!(error instanceof NodeGone)) throw error;
            const next = await awaitReturn(current, error, config, ports, cluster, beating);
            if (next === 'machine ended') return { kind: 'no node' };
            // This node had joined, however young its instance is.
            if (next === undefined) return noNode(config, undefined, context);
            current = next;
          }
        }
      },
      retention,
    );
  } catch (error) {
    // Of two tasks on one node, the slower one finds that the action has ended.
    if (!(error instanceof ActionEnded)) throw error;
    if (!(await checkDrainedByPeer(cluster.podsOf(node), config, context))) throw error;
    return { kind: 'drained by peer' };
  }
}

/**
 * The cluster of the instance, or how the run ends when it is not drained: an operator has stopped its drain, or it is not of
 * our cluster. An event may reach the drainers of several clusters, and one drainer may serve many: only the drainer of the
 * instance's own cluster may touch the hook.
 */
function clusterSourceOf(
  { cluster, force, reason, target }: Pick<Config, 'cluster' | 'force' | 'reason' | 'target'>,
  instance: InstanceInfo | Failure | undefined,
  { report }: Context,
): ClusterSource | { readonly outcome: Outcome } {
  const tags = instance instanceof Failure ? undefined : instance;
  if (tags?.isHeld === true && !force) return { outcome: { kind: 'held', reason: `it has the tag ${HOLD_TAG}` } };
  const resolution = resolveCluster(cluster, tags);
  const notOurs = (reason: string) => ({ outcome: { kind: 'instance of another cluster', reason } as const });
  if (resolution.kind === 'other cluster') return notOurs(resolution.reason);
  // EC2 announces the end of every instance of the account, whatever it is.
  if (reason !== 'termination' && tags !== undefined) {
    if (resolution.kind === 'unknown') return notOurs(resolution.reason);
    if (namedClusters(tags).length === 0 && hasName(cluster)) return notOurs('its tags name no cluster');
  }
  if (resolution.kind === 'unknown') {
    const name = target.kind === 'instance' ? target.instanceId : target.name;
    const message = `the cluster of ${name} is unknown: ${resolution.reason}`;
    // The tags may be right.
    if (instance instanceof Failure) throw new Failure(message, { cause: instance });
    const error = new Failure(message, { advice: UNKNOWN_CLUSTER_ADVICE });
    return { outcome: { kind: 'cluster unknown', error } };
  }
  if (cluster.kind === 'by-tags') report({ type: 'cluster found', cluster: clusterNameOf(resolution.cluster) });
  return resolution.cluster;
}

async function connect(
  source: ClusterSource,
  { connectTimeoutMs }: Pick<Config, 'connectTimeoutMs'>,
  ports: Ports,
  context: TimedContext,
): Promise<Cluster> {
  const { report, signal, stopwatch } = context;
  const options = { what: 'reach the cluster', withinMs: connectTimeoutMs };
  const cluster = await stopwatch.time('connect', () => retry(options, () => ports.connect(source, signal), context));
  report({ type: 'connected', server: cluster.server, policyVersion: cluster.policyVersion });
  return cluster;
}

/** Does the end of the action leave the instance running? Asked only when the drain would continue then. */
async function lookUpRetention(
  action: LifecycleAction | undefined,
  { connectTimeoutMs, finishRetained }: Pick<Config, 'connectTimeoutMs' | 'finishRetained'>,
  ports: Ports,
  context: Context,
): Promise<boolean> {
  if (action?.kind === 'retained') return true;
  if (action?.kind !== 'pending' || action.isFinal !== true || !finishRetained) return false;
  const { group } = action;
  const { report, signal } = context;
  const options = { what: `look up whether ${group} retains its instances`, withinMs: connectTimeoutMs };
  try {
    return await retry(options, () => ports.actions.retainsAbandoned(group, signal), context);
  } catch (error) {
    if (signal.aborted || isBug(error)) throw error;
    report({ type: 'warning', message: `the lifecycle action of ${group} counts as the end of the instance`, error });
    return false;
  }
}

function timelineFor(
  config: Config,
  state: RunState,
  isRetained: boolean,
  taskStartedAt: number,
  now: number,
): Timeline {
  return timelineOf(
    {
      now,
      taskStartedAt,
      actionStartedAt: state.actionStartedAt,
      drainStartedAt: config.drainStartedAt,
      globalTimeouts: state.hooks.map(({ globalTimeoutSeconds }) => globalTimeoutSeconds),
      instanceEndsAt: config.instanceEndsAt,
      isRetained,
    },
    // At its deadline, ON_DEADLINE=abandon leaves an instance retained: one that is retained already has none.
    state.retained && config.policies.onDeadline === 'abandon' ? withoutDeadline(config) : config,
    config.policies.onDeadline,
  );
}

function withoutDeadline({ drainDeadlineMs: _, ...durations }: Config): Durations {
  return durations;
}

/** For a group that retains its instances: what happens at the end of the action. */
function retentionOf(target: Target, { abandonAt }: Timeline, state: RunState, ports: Ports): Retention | undefined {
  if (target.kind === 'node' || abandonAt === undefined) return undefined;
  const { instanceId } = target;
  return {
    abandonAt,
    onAbandon: () => {
      state.abandoned = true;
    },
    async isRetained(context) {
      if (!(await becomesRetained(ports.actions, instanceId, context))) return false;
      state.hooks = [];
      state.retained = true;
      context.report({ type: 'instance retained', instanceId, group: state.group ?? '' });
      return true;
    },
  };
}

/** The machine of the node, as EC2 sees it. */
function machineOf(
  { target }: Config,
  cluster: Cluster,
  node: NodeRef,
  instance: InstanceInfo | Failure | undefined,
  describe: (context: TimedContext) => Promise<InstanceInfo | Failure | undefined>,
): Machine | undefined {
  return target.kind === 'node' ? undefined : new Machine(cluster, node, instance, describe);
}

const MACHINE_IS_ON = 'the machine is on again';

/** The machine has been started again during the drain: what the drain did to its node is undone. */
async function restoreNode(
  cluster: Cluster,
  node: NodeRef,
  { conditions }: RunState,
  context: Context,
): Promise<Outcome> {
  const options = { what: `restore ${node.name}`, withinMs: Number.POSITIVE_INFINITY };
  const changes = await retry(options, () => cluster.restore(node, true, context.signal), context);
  if (changes !== 'replaced') context.report({ type: 'node restored', node: node.name, changes });
  await conditions?.undo();
  return { kind: 'no pending action', reason: MACHINE_IS_ON };
}
