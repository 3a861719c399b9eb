import { resolveCluster, UNKNOWN_CLUSTER_ADVICE } from '../config/cluster-source.ts';
import type { Config } from '../config/drain-config.ts';
import { type Context, retry } from '../context.ts';
import { Failure, isBug } from '../lib/errors.ts';
import { isInService } from '../lifecycle/action.ts';
import { EX_SOFTWARE, Stopped, signalExitCode } from '../outcome.ts';
import { DrainConditions, showsDrain } from './drain-conditions.ts';
import type { NodeRef } from './find-node.ts';
import { findTarget } from './locate-node.ts';
import type { Cluster, Ports } from './ports.ts';

export type NodeCommandConfig = Pick<
  Config,
  'target' | 'cluster' | 'connectTimeoutMs' | 'unprovenNode' | 'onlyDrained' | 'paused'
>;

/**
 * Puts a node back into service after a drain: uncordons it, and removes the taints and the label that the drainer added, and no
 * others. Reports what it did.
 *
 * With `onlyDrained` an event has started it, as for every instance that enters service again: a node that no drain has marked is
 * left alone, a missing node is no failure, and an instance that leaves again stays drained.
 * @returns the exit code: 0 when the node is as it was, also when there was nothing to undo
 */
export async function undo(config: NodeCommandConfig, ports: Ports, context: Context): Promise<number> {
  const { onlyDrained, connectTimeoutMs } = config;
  return exitCodeOf(context, async () => {
    if (onlyDrained && !(await mayBeRestored(config, ports, context))) return;
    await withNode(config, onlyDrained, ports, context, async (cluster, node) => {
      const step = { what: `restore ${node.name}`, withinMs: connectTimeoutMs };
      const changes = await retry(step, () => cluster.restore(node, onlyDrained, context.signal), context);
      if (changes === 'replaced') throw new Failure(`node ${node.name} was deleted or replaced`);
      context.report({ type: 'node restored', node: node.name, changes });
      // A node on which nothing was undone may still be drained: by a person, for example.
      const isUndone = !onlyDrained || changes.length > 0;
      if (isUndone && showsDrain(node)) await new DrainConditions(cluster, node, context).undo();
    });
  });
}

/**
 * Cordons a node, and evicts nothing: new pods go elsewhere, those that run stay.
 * @returns the exit code: 0 also when the cluster has no node for the instance
 */
export async function cordon(config: NodeCommandConfig, ports: Ports, context: Context): Promise<number> {
  return exitCodeOf(context, async () => {
    if (config.paused) return context.report({ type: 'nothing to do', reason: PAUSED });
    await withNode(config, true, ports, context, async (cluster, node) => {
      const step = { what: `cordon ${node.name}`, withinMs: config.connectTimeoutMs };
      const cordoned = await retry(step, () => cluster.cordon(node, false, context.signal), context);
      if (cordoned === 'replaced') throw new Failure(`node ${node.name} was deleted or replaced`);
      context.report({ type: 'cordoned', node: node.name, excludedFromLoadBalancers: false });
    });
  });
}

/** Why a run ends at once while the drainer is paused. */
export const PAUSED = 'the drainer is paused (ENABLED=false)';

async function exitCodeOf({ report }: Context, work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    if (error instanceof Stopped) return signalExitCode(error.signal);
    report({ type: 'run failed', error });
    return isBug(error) ? EX_SOFTWARE : 1;
  }
}

/** Auto Scaling may have started to terminate the instance again since it sent the event. */
async function mayBeRestored(
  { target, connectTimeoutMs }: NodeCommandConfig,
  ports: Ports,
  context: Context,
): Promise<boolean> {
  if (target.kind === 'node') return true;
  const options = { what: 'look up the state of the instance', withinMs: connectTimeoutMs };
  const lookUp = () => ports.actions.instanceState(target.instanceId, context.signal);
  const state = await retry(options, lookUp, context);
  if (state === undefined || isInService(state.lifecycleState)) return true;
  context.report({ type: 'nothing to do', reason: `${target.instanceId} is ${state.lifecycleState}, not in service` });
  return false;
}

/** @param mayBeMissing a cluster without a node for the instance is no failure, nor is an instance of no cluster */
async function withNode(
  config: NodeCommandConfig,
  mayBeMissing: boolean,
  ports: Ports,
  context: Context,
  work: (cluster: Cluster, node: NodeRef) => Promise<void>,
): Promise<void> {
  const { target, unprovenNode, connectTimeoutMs } = config;
  const { report, signal } = context;
  const step = (what: string) => ({ what, withinMs: connectTimeoutMs });
  const describe = (instanceId: string) => () => ports.describeInstance(instanceId, signal);
  const instance =
    target.kind === 'instance'
      ? await retry(step(`describe ${target.instanceId}`), describe(target.instanceId), context)
      : undefined;
  const resolution = resolveCluster(config.cluster, instance);
  if (resolution.kind === 'unknown' && !mayBeMissing) {
    const name = target.kind === 'instance' ? target.instanceId : target.name;
    throw new Failure(`the cluster of ${name} is unknown: ${resolution.reason}`, { advice: UNKNOWN_CLUSTER_ADVICE });
  }
  if (resolution.kind !== 'resolved') return report({ type: 'nothing to do', reason: resolution.reason });
  const connect = () => ports.connect(resolution.cluster, signal);
  const cluster = await retry(step('reach the cluster'), connect, context);
  try {
    const find = () => findTarget(target, instance, unprovenNode, cluster, signal);
    const found = await retry(step('find the node'), find, context);
    if (found !== undefined) return await work(cluster, found.node);
    const name = target.kind === 'instance' ? target.instanceId : target.name;
    const missing = `${cluster.server} has no node for ${name}`;
    if (!mayBeMissing) throw new Failure(missing);
    report({ type: 'nothing to do', reason: missing });
  } finally {
    await cluster.close();
  }
}
