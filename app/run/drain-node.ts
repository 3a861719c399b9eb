import type { Config } from '../config/drain-config.ts';
import { retry, type TimedContext } from '../context.ts';
import { NodeGone } from '../drain/cluster.ts';
import { drain } from '../drain/drain.ts';
import type { Outcome } from '../outcome.ts';
import type { Timeline } from '../timeline.ts';
import type { NodeRef } from './find-node.ts';
import type { Cluster } from './ports.ts';
import { waitForDetach } from './volumes.ts';

/** A dead kubelet unmounts nothing: its volumes are waited for only in case it returns. */
const DEAD_KUBELET_DETACH_MS = 60_000;

/**
 * Cordons the node, by its UID, and taints it when the pods of DaemonSets are to leave, too.
 * @throws NodeGone when it is no longer this node; whatever is not transient; otherwise retries until its signal aborts
 */
export async function cordonNode(
  cluster: Cluster,
  node: NodeRef,
  { loadBalancerExclusion, drainDaemonSets }: Pick<Config, 'loadBalancerExclusion' | 'drainDaemonSets'>,
  context: TimedContext,
): Promise<void> {
  const { report, signal, stopwatch } = context;
  const forever = (what: string) => ({ what, withinMs: Number.POSITIVE_INFINITY });
  const cordon = () => cluster.cordon(node, loadBalancerExclusion, signal);
  const taint = () => cluster.taint(node, signal);
  await stopwatch.time('cordon', async () => {
    const cordoned = await retry(forever(`cordon ${node.name}`), cordon, context);
    const tainted = drainDaemonSets ? await retry(forever(`taint ${node.name}`), taint, context) : 'not needed';
    if (cordoned === 'replaced' || tainted === 'replaced') {
      throw new NodeGone(`node ${node.name} was deleted or replaced`);
    }
  });
  report({ type: 'cordoned', node: node.name, excludedFromLoadBalancers: loadBalancerExclusion });
}

/** Drains the cordoned node and waits until the volumes of its pods are detached. @throws as `drain` */
export async function drainNode(
  cluster: Cluster,
  node: NodeRef,
  timeline: Timeline,
  config: Pick<Config, 'policies' | 'drainDaemonSets' | 'volumeDetachTimeoutMs'>,
  context: TimedContext,
): Promise<Outcome> {
  const { stopwatch } = context;
  const { policies, drainDaemonSets, volumeDetachTimeoutMs } = config;
  const options = { timeline, onDeadline: policies.onDeadline, drainDaemonSets };
  const { kind, claims, nodeReady } = await stopwatch.time('drain', () =>
    drain(cluster.podsOf(node), options, context),
  );
  if (kind === 'drained') {
    const timeoutMs = nodeReady ? volumeDetachTimeoutMs : Math.min(volumeDetachTimeoutMs, DEAD_KUBELET_DETACH_MS);
    await stopwatch.time('volumes', () => waitForDetach(cluster.volumesOf(node), claims, timeoutMs, context));
  }
  return { kind };
}
