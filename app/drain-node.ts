import { awaitCapacity, type GroupCapacity } from './await-capacity.ts';
import type { Config } from './config/drain-config.ts';
import { NodeGone } from './drain/cluster.ts';
import { type DrainOptions, drain } from './drain/drain.ts';
import { atFirst, type Circumstances } from './drain/standing.ts';
import type { Candidate } from './find-node.ts';
import type { Holdings } from './holdings.ts';
import type { Hook } from './lifecycle.ts';
import type { Outcome } from './outcome.ts';
import type { ConnectedCluster } from './ports.ts';
import { tryFor } from './retry.ts';
import { settleVolumes } from './settle-volumes.ts';
import type { TimedSurroundings } from './surroundings.ts';

/** Warn when this much of the lifecycle action's life is over. */
const NEAR_THE_END = 0.9;

/** A deadline that passed between two tasks gives the second one time to see what is left, so that it can be named. */
const LEAST_MS = 1_000;

/** A dead kubelet unmounts nothing, so its volumes are only waited for in case it comes back. */
const WITHOUT_KUBELET_MS = 60_000;

/**
 * Marks the node, by its UID, so that nothing new comes to it. First of all things: other nodes may be going at the same
 * time, and pods that leave them must not come here.
 * @throws NodeGone when it is no longer this node; otherwise tries until its signal aborts, or until it is denied
 */
export async function cordonNode(
  { loadBalancerExclusion, drainDaemonSets }: Config,
  cluster: ConnectedCluster,
  node: Candidate,
  context: TimedSurroundings,
): Promise<void> {
  const { report, signal, stopwatch } = context;
  const forEver = Number.POSITIVE_INFINITY;
  const cordon = () => cluster.cordon(node, loadBalancerExclusion, signal);
  const taint = () => cluster.taint(node, signal);
  await stopwatch.time('cordon', async () => {
    const cordoned = await tryFor(forEver, `cordon ${node.name}`, cordon, context);
    const tainted = drainDaemonSets ? await tryFor(forEver, `taint ${node.name}`, taint, context) : 'not asked for';
    if (cordoned === 'replaced' || tainted === 'replaced')
      throw new NodeGone(`node ${node.name} was deleted or replaced`);
  });
  report({ type: 'cordoned', node: node.name, excludedFromLoadBalancers: loadBalancerExclusion });
}

/**
 * Drains the cordoned node, for as long as it exists, and waits for the volumes of its pods.
 * @param startedAt milliseconds since the epoch: about when the lifecycle action began
 * @param capacity what Auto Scaling says of the group of the node, if it is in one
 */
export async function drainNode(
  config: Config,
  cluster: ConnectedCluster,
  node: Candidate,
  holdings: Holdings,
  startedAt: number,
  capacity: ((signal: AbortSignal) => Promise<GroupCapacity>) | undefined,
  context: TimedSurroundings,
): Promise<Outcome> {
  const { clock, stopwatch } = context;
  const { capacityTimeoutMs, volumeDetachTimeoutMs } = config;
  if (capacity !== undefined && capacityTimeoutMs !== undefined) {
    await stopwatch.time('capacity', () => awaitCapacity(capacity, cluster.nodes, capacityTimeoutMs, context));
  }
  const now = clock.now();
  const beganAt = drainBegan(config, now);
  holdings.drainBeganAt = beganAt;
  const options = drainOptions(config, holdings.hooks, startedAt, beganAt, now);
  const { kind, claims, nodeReady } = await stopwatch.time('drain', () =>
    drain(cluster.podsOf(node), options, context),
  );
  if (kind === 'drained') {
    const timeoutMs = nodeReady ? volumeDetachTimeoutMs : Math.min(volumeDetachTimeoutMs, WITHOUT_KUBELET_MS);
    await stopwatch.time('volumes', () => settleVolumes(cluster.volumesOf(node), claims, timeoutMs, context));
  }
  return { kind };
}

/** What a drain that began now, or goes on now, would go by. */
export function circumstancesAt(config: Config, now: number): Circumstances {
  const { drainDaemonSets, doNotDisruptMs } = config;
  return atFirst({ drainDaemonSets, courtesyUntil: drainBegan(config, now) + doNotDisruptMs });
}

/** When a drain that goes on now began, or begins: what comes from the future comes from a clock that is wrong. */
function drainBegan({ drainBeganAt }: Config, now: number): number {
  return Math.min(now, drainBeganAt ?? now);
}

/**
 * @param startedAt when the lifecycle action began
 * @param beganAt when the drain did, by this task or by one before it
 */
function drainOptions(
  config: Config,
  hooks: readonly Hook[],
  startedAt: number,
  beganAt: number,
  now: number,
): DrainOptions {
  const life = Math.min(...hooks.map(({ globalTimeoutSeconds }) => globalTimeoutSeconds * 1000));
  const at = startedAt + life;
  const { drainDaemonSets, courtesyUntil } = circumstancesAt(config, now);
  return {
    ...(config.drainDeadlineMs !== undefined && {
      deadline: {
        at: Math.max(beganAt + config.drainDeadlineMs, now + LEAST_MS),
        policy: config.policies.onDeadline,
      },
    }),
    ...(hooks.length > 0 && {
      actionEnd: { at, warnAt: startedAt + life * NEAR_THE_END, lastResortAt: at - config.lastResortMs },
    }),
    drainDaemonSets,
    courtesyUntil,
  };
}
