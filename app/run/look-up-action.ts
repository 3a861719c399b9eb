import { clusterNameOf } from '../config/cluster-source.ts';
import type { Config } from '../config/drain-config.ts';
import { type Context, retry, type TimedContext } from '../context.ts';
import { Failure } from '../lib/errors.ts';
import { findAction, findActionStart, type KnownAction, type LifecycleAction } from '../lifecycle/action.ts';
import type { Outcome } from '../outcome.ts';
import type { Ports } from './ports.ts';

/** The instance is in service: it is not being terminated. */
export class NotTerminating extends Failure {}

/** The lifecycle action of the instance, looked up until Auto Scaling answers. @throws as `findAction` */
export async function lookUpAction(
  instanceId: string,
  known: KnownAction,
  { cluster, connectTimeoutMs }: Pick<Config, 'cluster' | 'connectTimeoutMs'>,
  ports: Ports,
  context: TimedContext,
): Promise<LifecycleAction> {
  const { report, stopwatch } = context;
  const options = { what: 'look up the lifecycle action', withinMs: connectTimeoutMs };
  const lookUp = () => findAction(ports.actions, instanceId, known, context);
  const action = await stopwatch.time('action', () => retry(options, lookUp, context));
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
  if (action.kind === 'retained') {
    if (finishRetained) return undefined;
    return { kind: 'no pending action', reason: `${instanceId} is ${action.lifecycleState}` };
  }
  // Announced by EC2, not by Auto Scaling.
  if (reason !== 'termination') return undefined;
  if (action.kind === 'none') return { kind: 'no pending action', reason: action.reason };
  throw new NotTerminating(`${instanceId} is not terminating: it is ${action.lifecycleState} in ${action.group}`, {
    advice: 'terminate it through its Auto Scaling group, or drain it anyway with --force',
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
