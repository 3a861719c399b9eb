import type { Config } from '../config/drain-config.ts';
import { type Context, retry } from '../context.ts';
import { Failure, isBug } from '../lib/errors.ts';
import { EX_SOFTWARE, Stopped, signalExitCode } from '../outcome.ts';
import type { NodeRef } from './find-node.ts';
import { findTarget } from './locate-node.ts';
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
  cluster: Cluster,
  signal: AbortSignal,
): Promise<NodeRef> {
  const instance = target.kind === 'instance' ? await ports.describeInstance(target.instanceId, signal) : undefined;
  const found = await findTarget(target, instance, unprovenNode, cluster, signal);
  if (found !== undefined) return found.node;
  throw new Failure(
    `${cluster.server} has no node for ${target.kind === 'instance' ? target.instanceId : target.name}`,
  );
}
