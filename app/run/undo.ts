import type { Config } from '../config/drain-config.ts';
import { type Context, retry } from '../context.ts';
import { Failure, isBug } from '../lib/errors.ts';
import { EX_SOFTWARE, Stopped, signalExitCode } from '../outcome.ts';
import { findNode, type NodeRef } from './find-node.ts';
import type { Cluster, Ports } from './ports.ts';

export type UndoConfig = Pick<Config, 'target' | 'connectTimeoutMs' | 'unprovenNode'>;

/**
 * Puts a node back into service after a drain: uncordons it, and removes the taint and the label that the drainer added, and no
 * others. Reports what it did.
 * @returns the exit code: 0 when the node is as it was, also when there was nothing to undo
 */
export async function undo(config: UndoConfig, ports: Ports, context: Context): Promise<number> {
  const { report, signal } = context;
  let cluster: Cluster | undefined;
  try {
    const step = (what: string) => ({ what, withinMs: config.connectTimeoutMs });
    const connected = await retry(step('reach the cluster'), () => ports.connect(signal), context);
    cluster = connected;
    const node = await retry(step('find the node'), () => nodeOf(config, ports, connected, signal), context);
    const changes = await retry(step(`restore ${node.name}`), () => connected.restore(node, signal), context);
    if (changes === 'replaced') throw new Failure(`node ${node.name} was deleted or replaced`);
    report({ type: 'node restored', node: node.name, changes });
    return 0;
  } catch (error) {
    if (error instanceof Stopped) return signalExitCode(error.signal);
    report({ type: 'run failed', error });
    return isBug(error) ? EX_SOFTWARE : 1;
  } finally {
    await cluster?.close();
  }
}

async function nodeOf(
  { target, unprovenNode }: UndoConfig,
  ports: Ports,
  { nodes, server }: Cluster,
  signal: AbortSignal,
): Promise<NodeRef> {
  if (target.kind === 'node') {
    const node = await nodes.byName(target.name, signal);
    if (node === undefined) throw new Failure(`${server} has no node called ${target.name}`);
    return node;
  }
  const instance = await ports.describeInstance(target.instanceId, signal);
  const found = await findNode(nodes, target.instanceId, instance, unprovenNode, signal);
  if (found === undefined) throw new Failure(`${server} has no node for ${target.instanceId}`);
  return found.node;
}
