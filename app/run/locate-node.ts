import type { Config } from '../config/drain-config.ts';
import { nearest } from '../config/suggestion.ts';
import { type Context, retry, type TimedContext } from '../context.ts';
import type { NodeGone } from '../drain/cluster.ts';
import { type Backoff, backoffMs } from '../lib/backoff.ts';
import { Failure } from '../lib/errors.ts';
import type { Outcome } from '../outcome.ts';
import { type FoundNode, findNode, type NodeDirectory, type NodeRef } from './find-node.ts';
import { type InstanceInfo, mayNeverHaveJoined } from './instance.ts';
import type { Cluster, Ports } from './ports.ts';

/**
 * EC2 shortens the way to the node; without it there are other ways, so its failure is kept for later. Where the tags name the
 * cluster, there is no other way.
 */
export async function describeInstance(
  instanceId: string,
  { cluster, connectTimeoutMs }: Pick<Config, 'cluster' | 'connectTimeoutMs'>,
  ports: Ports,
  context: TimedContext,
): Promise<InstanceInfo | Failure | undefined> {
  const { report, signal, stopwatch } = context;
  const options = {
    what: `describe ${instanceId}`,
    withinMs: cluster.kind === 'by-tags' ? connectTimeoutMs : connectTimeoutMs / 4,
  };
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

/** The node to drain; undefined when the cluster has none for this instance. */
export async function locateNode(
  { target, connectTimeoutMs, unprovenNode }: Pick<Config, 'target' | 'connectTimeoutMs' | 'unprovenNode'>,
  cluster: Cluster,
  instance: InstanceInfo | Failure | undefined,
  context: TimedContext,
): Promise<NodeRef | undefined> {
  const { report, signal, stopwatch } = context;
  const known = instance instanceof Failure ? undefined : instance;
  const options = { what: 'find the node', withinMs: connectTimeoutMs };
  const lookUp = () => findTarget(target, known, unprovenNode, cluster, signal);
  const found = await stopwatch.time('find', () => retry(options, lookUp, context));
  if (found === undefined) return undefined;
  const { node, by } = found;
  report({ type: 'node found', node: node.name, uid: node.uid, providerID: node.providerID, matchedBy: by });
  return node;
}

/**
 * Looks once for the node to work on.
 * @param instance what EC2 says of the target, if it is an instance
 * @returns undefined when the cluster has no node for the instance
 * @throws Failure when no node has the name that was given; whatever `findNode` throws
 */
export async function findTarget(
  target: Config['target'],
  instance: InstanceInfo | undefined,
  unprovenNode: Config['unprovenNode'],
  { nodes, server }: Cluster,
  signal: AbortSignal,
): Promise<FoundNode | { node: NodeRef; by: 'name' } | undefined> {
  if (target.kind === 'instance') return findNode(nodes, target.instanceId, instance, unprovenNode, signal);
  const node = await nodes.byName(target.name, signal);
  if (node === undefined) throw await noSuchNode(target.name, nodes, server, signal);
  return { node, by: 'name' };
}

const MAX_NAMES = 3;

/** Names the nodes that were probably meant: a name is copied in part, or from another cluster. */
async function noSuchNode(name: string, nodes: NodeDirectory, server: string, signal: AbortSignal): Promise<Failure> {
  const names: string[] = [];
  for await (const page of nodes.all(signal)) names.push(...page.map((node) => node.name));
  const advice =
    names.length === 0
      ? 'the cluster has no nodes'
      : `nearest of its ${names.length} nodes: ${nearest(name, names, MAX_NAMES).join(', ')}`;
  return new Failure(`${server} has no node called ${name}`, { advice });
}

/**
 * The cluster has no node for this instance. A young instance never joined. An older one without a node means a wrong cluster
 * or a lost node, whose pods may still run.
 */
export function noNode(
  { target, policies, reason }: Pick<Config, 'target' | 'policies' | 'reason'>,
  instance: InstanceInfo | Failure | undefined,
  { clock }: Context,
): Outcome {
  const known = instance instanceof Failure ? undefined : instance;
  // EC2 announces the end of every instance of the account: most are of no cluster.
  if (
    target.kind === 'node' ||
    reason !== 'termination' ||
    policies.missingNode !== 'auto' ||
    mayNeverHaveJoined(known, clock.now())
  ) {
    return { kind: 'no node' };
  }
  const error = new Failure(`no node of the cluster is ${target.instanceId}, which is old enough to have joined one`, {
    advice:
      'check that the drainer is configured for the cluster of this group; MISSING_NODE=continue or abandon decides without asking',
    ...(instance instanceof Failure && { cause: instance }),
  });
  return { kind: 'node missing', error };
}

/** After the largest grace period of its pods, and this long, the return of a deleted node is not waited for any longer. */
const RETURN_MARGIN_MS = 60_000;
/** Each look asks EC2, and may list all nodes of the cluster. */
const RETURN_BACKOFF: Backoff = { firstMs: 2_000, maxMs: 15_000 };

/**
 * The node object was deleted. A living kubelet registers it again, with the same pods still running: waits for that while EC2
 * says that the instance runs. Without an instance, only the provider ID can prove that a node is the same machine.
 * @returns the new node; undefined: there is none
 */
export async function awaitReturn(
  before: NodeRef,
  { graceSeconds }: NodeGone,
  config: Config,
  ports: Ports,
  cluster: Cluster,
  context: TimedContext,
): Promise<NodeRef | 'machine ended' | undefined> {
  const { clock, report, signal } = context;
  const { target } = config;
  const waitUntil = clock.now() + RETURN_MARGIN_MS + graceSeconds * 1000;
  report({ type: 'node deleted', node: before.name, waitUntil });
  // However long the API is away, only its answer ends the wait.
  const patient = { ...config, connectTimeoutMs: Number.POSITIVE_INFINITY };
  let instance: InstanceInfo | Failure | undefined;
  for (let looks = 1; ; looks++) {
    if (target.kind === 'node') {
      const options = { what: 'find the node', withinMs: patient.connectTimeoutMs };
      const node = await retry(options, () => cluster.nodes.byName(target.name, signal), context);
      return node !== undefined && before.providerID !== '' && node.providerID === before.providerID ? node : undefined;
    }
    // What EC2 does not say, it is not asked again.
    if (!(instance instanceof Failure)) instance = await describeInstance(target.instanceId, config, ports, context);
    const node = await locateNode(patient, cluster, instance, context);
    if (node !== undefined) {
      // A list that is a moment old has said so, or this one: it may say so again.
      if (node.uid === before.uid) await clock.sleep(backoffMs(RETURN_BACKOFF, looks), signal);
      return node;
    }
    if (hasEnded(instance)) return 'machine ended';
    if (clock.now() >= waitUntil) return undefined;
    await clock.sleep(Math.min(backoffMs(RETURN_BACKOFF, looks), waitUntil - clock.now()), signal);
  }
}

/** Does EC2 say that the machine no longer runs? */
function hasEnded(instance: InstanceInfo | Failure | undefined): boolean {
  if (instance === undefined || instance instanceof Failure || instance.state === undefined) return false;
  return instance.state !== 'running' && instance.state !== 'pending';
}
