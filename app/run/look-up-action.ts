import { clusterNameOf } from '../config/cluster-source.ts';
import { type Config, SPOT_NOTICE_MS } from '../config/drain-config.ts';
import { type Context, retry, type TimedContext } from '../context.ts';
import { Failure, isBug } from '../lib/errors.ts';
import { findAction, findActionStart, type KnownAction, type LifecycleAction } from '../lifecycle/action.ts';
import type { Outcome } from '../outcome.ts';
import type { Ports } from './ports.ts';

/** The instance is in service: it is not being terminated. */
export class NotTerminating extends Failure {}

/** Of the two minutes of a Spot instance, its drain spends no more on a lifecycle action that it may not even have. */
const ANNOUNCED_TIMEOUT_MS = 10_000;

/**
 * The lifecycle action of the instance, looked up until Auto Scaling answers. Where EC2 has announced the end of the instance, an
 * action is not needed: then Auto Scaling is asked for ten seconds.
 * @throws as `findAction`
 */
export async function lookUpAction(
  instanceId: string,
  known: KnownAction,
  { cluster, connectTimeoutMs, reason }: Pick<Config, 'cluster' | 'connectTimeoutMs' | 'reason'>,
  ports: Ports,
  context: TimedContext,
): Promise<LifecycleAction> {
  const { report, signal, stopwatch } = context;
  const isNeeded = reason === 'termination';
  const withinMs = isNeeded ? connectTimeoutMs : Math.min(connectTimeoutMs, ANNOUNCED_TIMEOUT_MS);
  const options = { what: 'look up the lifecycle action', withinMs };
  const lookUp = () => findAction(ports.actions, instanceId, known, context);
  const action = await stopwatch
    .time('action', () => retry(options, lookUp, context))
    .catch((error: unknown): LifecycleAction => {
      if (isNeeded || signal.aborted || isBug(error)) throw error;
      report({ type: 'warning', message: 'could not look up a lifecycle action; draining without one', error });
      return { kind: 'none', reason: 'Auto Scaling did not answer' };
    });
  if (action.kind === 'pending') {
    const { group, hooks } = action;
    report({ type: 'action found', cluster: clusterNameOf(cluster), group, hooks });
  }
  return action;
}

/**
 * How the run ends without an action; undefined: there is something to drain.
 * @throws NotTerminating for an instance in service
 */
export function nothingPending(
  instanceId: string,
  action: LifecycleAction,
  { dryRun, finishRetained, force, reason }: Pick<Config, 'dryRun' | 'finishRetained' | 'force' | 'reason'>,
): Outcome | undefined {
  if (action.kind === 'pending' || force || dryRun) return undefined;
  // Announced by EC2, not by Auto Scaling.
  if (reason !== 'termination') return undefined;
  if (action.kind === 'retained') {
    if (finishRetained) return undefined;
    return { kind: 'no pending action', reason: `${instanceId} is ${action.lifecycleState}` };
  }
  if (action.kind === 'none') return { kind: 'no pending action', reason: action.reason };
  throw new NotTerminating(`${instanceId} is not terminating: it is ${action.lifecycleState} in ${action.group}`, {
    advice: 'terminate it through its Auto Scaling group, or drain it anyway with --even-if-not-terminating',
  });
}

/** When the action started, in milliseconds since the epoch: looked up only where no event said it. undefined: unknown */
export async function lookUpActionStart(
  instanceId: string,
  known: KnownAction,
  action: LifecycleAction,
  { dryRun }: Pick<Config, 'dryRun'>,
  ports: Ports,
  context: Context,
): Promise<number | undefined> {
  if (known.startedAt !== undefined) return known.startedAt;
  if (action.kind !== 'pending' || dryRun) return undefined;
  return findActionStart(ports.actions, action.group, instanceId, context);
}

/**
 * The configuration without an end of the instance that cannot be true. AWS Health also tells of changes that have begun: an end
 * in the past would hurry every pod. A Spot instance has two minutes at most, whatever the clock of its notice says.
 * @param now milliseconds since the epoch
 */
export function withBelievableEnd(config: Config, now: number, report: Context['report']): Config {
  const { instanceEndsAt, ...others } = config;
  if (instanceEndsAt === undefined) return config;
  if (config.reason === 'spot-interruption') {
    return { ...others, instanceEndsAt: Math.min(instanceEndsAt, now + SPOT_NOTICE_MS) };
  }
  if (instanceEndsAt > now) return config;
  const message = `the event says that the instance ends at ${new Date(instanceEndsAt).toISOString()}, which is over; draining without an end`;
  report({ type: 'warning', message });
  return others;
}
