import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { NodeGone } from './drain/cluster.ts';
import { type DrainOptions, drain } from './drain/drain.ts';
import type { Candidate } from './find-node.ts';
import type { Hook } from './lifecycle.ts';
import type { Outcome } from './outcome.ts';
import type { ConnectedCluster } from './ports.ts';
import type { Report } from './report/event.ts';
import { tryFor } from './retry.ts';
import type { Stopwatch } from './stopwatch.ts';

type Surroundings = {
  readonly clock: Clock;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly stopwatch: Stopwatch;
};

/** Warn when this much of the lifecycle action's life is over. */
const NEAR_THE_END = 0.9;

/**
 * Cordons the node, by its UID, and drains it, for as long as it exists.
 * @param startedAt milliseconds since the epoch: about when the lifecycle action began
 */
export async function drainNode(
  config: Config,
  cluster: ConnectedCluster,
  node: Candidate,
  hooks: readonly Hook[],
  startedAt: number,
  context: Surroundings,
): Promise<Outcome> {
  const { clock, report, stopwatch } = context;
  const nodeGone = new AbortController();
  const signal = AbortSignal.any([context.signal, nodeGone.signal]);
  const inside = { ...context, signal };
  const watching = cluster.untilGone(node, signal);
  watching.then(
    () => nodeGone.abort(new NodeGone(`node ${node.name} was deleted or replaced`)),
    (error: unknown) => nodeGone.abort(error),
  );
  const cordon = () => cluster.cordon(node, config.loadBalancerExclusion, signal);
  const cordoned = await stopwatch.time('cordon', () =>
    tryFor(Number.POSITIVE_INFINITY, `cordon ${node.name}`, cordon, inside),
  );
  if (cordoned === 'replaced') throw new NodeGone(`node ${node.name} was deleted or replaced`);
  report({ type: 'cordoned', node: node.name, excludedFromLoadBalancers: config.loadBalancerExclusion });

  try {
    const kind = await stopwatch.time('drain', () =>
      drain(cluster.podsOf(node), drainOptions(config, hooks, startedAt, clock.now()), inside),
    );
    return { kind };
  } finally {
    nodeGone.abort(new Error('the drain is over'));
  }
}

function drainOptions(config: Config, hooks: readonly Hook[], startedAt: number, now: number): DrainOptions {
  const lives = hooks.map(({ globalTimeoutSeconds }) => globalTimeoutSeconds * 1000);
  const life = Math.min(...lives);
  return {
    ...(config.drainDeadlineMs !== undefined && {
      deadline: { at: now + config.drainDeadlineMs, policy: config.policies.onDeadline },
    }),
    ...(lives.length > 0 && { actionEnd: { at: startedAt + life, warnAt: startedAt + life * NEAR_THE_END } }),
  };
}
