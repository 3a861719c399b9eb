import { type Context, retry } from '../context.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';
import { Failure, isBug } from '../lib/errors.ts';
import type { Hook } from './heartbeat.ts';

/** What the event said about the lifecycle action; whatever is absent is looked up. */
export type KnownAction = {
  readonly group?: string;
  readonly hook?: string;
  readonly token?: string;
  readonly destination?: 'EC2' | 'AutoScalingGroup' | 'WarmPool';
  /** When the action started, in milliseconds since the epoch. */
  readonly startedAt?: number;
};

export type InstanceState = { readonly group: string; readonly lifecycleState: string };

/** Where actions are looked up. `undefined` and empty lists are answers; a failure rejects. */
export type ActionDirectory = {
  /** undefined: the instance is in no Auto Scaling group. */
  instanceState(instanceId: string, signal: AbortSignal): Promise<InstanceState | undefined>;
  terminatingHooks(
    group: string,
    instanceId: string,
    known: KnownAction,
    signal: AbortSignal,
  ): Promise<readonly Hook[]>;
  /**
   * When the termination of the instance that is in progress started, in milliseconds since the epoch: not after its
   * lifecycle action started. undefined: Auto Scaling shows none.
   */
  terminationStartedAt(group: string, instanceId: string, signal: AbortSignal): Promise<number | undefined>;
};

export type LifecycleAction =
  | { readonly kind: 'pending'; readonly group: string; readonly hooks: readonly Hook[] }
  /** Over, or there never was one: the instance is gone or past its hooks. */
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'not terminating'; readonly group: string; readonly lifecycleState: string };

/** Auto Scaling's describe calls may lag behind its events by a few seconds. */
const MAX_LOOKUPS = 5;
const LOOKUP_INTERVAL_MS = 2_000;

/** A drain that starts late is worse than one that does not know exactly when its action ends. */
const START_TIMEOUT_MS = 10_000;

/**
 * Looks up the lifecycle action of the instance, and the hooks that wait for it.
 * @throws Failure when the event and Auto Scaling contradict each other; whatever the directory rejects with
 */
export async function findAction(
  directory: ActionDirectory,
  instanceId: string,
  known: KnownAction,
  clock: Clock,
  signal: AbortSignal,
): Promise<LifecycleAction> {
  for (let lookups = 1; ; lookups++) {
    const state = await directory.instanceState(instanceId, signal);
    if (state === undefined) return { kind: 'none', reason: `${instanceId} is in no Auto Scaling group` };
    const { group, lifecycleState } = state;
    if (known.group !== undefined && known.group !== group) {
      throw new Failure(`${instanceId} is in group ${group}, not in ${known.group} as AUTO_SCALING_GROUP_NAME says`);
    }
    const phase = phaseOf(lifecycleState, known.destination);
    if (phase === 'over') return { kind: 'none', reason: `${instanceId} is ${lifecycleState}` };
    if (phase === 'leaving') return pendingAction(directory, instanceId, group, known, signal);
    if (known.token === undefined || lookups === MAX_LOOKUPS) return { kind: 'not terminating', group, lifecycleState };
    await clock.sleep(LOOKUP_INTERVAL_MS, signal);
  }
}

async function pendingAction(
  directory: ActionDirectory,
  instanceId: string,
  group: string,
  known: KnownAction,
  signal: AbortSignal,
): Promise<LifecycleAction> {
  const hooks = await directory.terminatingHooks(group, instanceId, known, signal);
  if (hooks.length > 0) return { kind: 'pending', group, hooks };
  if (known.hook === undefined) return { kind: 'none', reason: `group ${group} has no terminating lifecycle hook` };
  throw new Failure(`group ${group} has no terminating lifecycle hook called ${known.hook}`, {
    advice: 'list its hooks with aws autoscaling describe-lifecycle-hooks',
  });
}

/**
 * Where a lifecycle state is on the way out of the group.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html and, for warm pools,
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
 */
export function phaseOf(lifecycleState: string, destination?: KnownAction['destination']): 'in' | 'leaving' | 'over' {
  const state = lifecycleState.replace(/^Warmed:/, '');
  if (state === 'Terminating' || state === 'Terminating:Wait') return 'leaving';
  if (state === 'Terminating:Proceed' || state === 'Terminated') return 'over';
  if (destination !== 'WarmPool' || !lifecycleState.startsWith('Warmed:')) return 'in';
  // On its way back to the warm pool: its node leaves, although the instance is not terminated.
  return state === 'Pending' || state === 'Pending:Wait' ? 'leaving' : 'over';
}

/**
 * Asks Auto Scaling when the pending lifecycle action started, because no event told this run: a sweep or a person
 * started it, and the action may be near its end. Best effort: never rejects but with the signal's reason or a bug.
 * @returns milliseconds since the epoch; undefined: unknown
 */
export async function findActionStart(
  directory: ActionDirectory,
  group: string,
  instanceId: string,
  context: Context,
): Promise<number | undefined> {
  const { clock, report, signal } = context;
  const options = { what: 'look up when the lifecycle action started', withinMs: START_TIMEOUT_MS };
  const lookUp = (limited: AbortSignal) =>
    retry(options, () => directory.terminationStartedAt(group, instanceId, limited), { ...context, signal: limited });
  try {
    return await withTimeout(clock, START_TIMEOUT_MS, lookUp, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (isBug(error)) throw error;
    report({
      type: 'warning',
      message:
        'could not look up when the lifecycle action started: it may end earlier than expected, because this run counts from its own start',
      error,
    });
    return undefined;
  }
}
