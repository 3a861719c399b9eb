import type { Clock } from './clock.ts';
import type { KnownAction } from './config/drain-config.ts';
import { Failure } from './failure.ts';
import type { Hook } from './lifecycle.ts';

export type InstanceState = { readonly group: string; readonly lifecycleState: string };

/** Where actions are looked up. `undefined` is the answer "in no group"; a failure rejects. */
export type ActionDirectory = {
  instanceState(instanceId: string, signal: AbortSignal): Promise<InstanceState | undefined>;
  terminatingHooks(
    group: string,
    instanceId: string,
    known: KnownAction,
    signal: AbortSignal,
  ): Promise<readonly Hook[]>;
};

export type LifecycleAction =
  | { readonly kind: 'pending'; readonly group: string; readonly hooks: readonly Hook[] }
  /** Over, or never was: the instance is gone or past its hooks. */
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'not terminating'; readonly group: string; readonly lifecycleState: string };

/** An event is the word of Auto Scaling itself; its describe calls may lag behind it for a few seconds. */
const LOOKS = 5;
const BETWEEN_LOOKS_MS = 2_000;

/**
 * What Auto Scaling says of the instance, and the hooks that wait for it.
 * @throws Failure when the event and Auto Scaling contradict each other; whatever the directory rejects with
 */
export async function findAction(
  directory: ActionDirectory,
  instanceId: string,
  known: KnownAction,
  clock: Clock,
  signal: AbortSignal,
): Promise<LifecycleAction> {
  for (let look = 1; ; look++) {
    const state = await directory.instanceState(instanceId, signal);
    if (state === undefined) return { kind: 'none', why: `${instanceId} is in no Auto Scaling group` };
    const { group, lifecycleState } = state;
    if (known.group !== undefined && known.group !== group) {
      throw new Failure(`${instanceId} is in group ${group}, not in ${known.group} as AUTO_SCALING_GROUP_NAME says`);
    }
    const phase = phaseOf(lifecycleState, known.destination);
    if (phase === 'over') return { kind: 'none', why: `${instanceId} is ${lifecycleState}` };
    if (phase === 'leaving') return pending(directory, instanceId, group, known, signal);
    if (known.token === undefined || look === LOOKS) return { kind: 'not terminating', group, lifecycleState };
    await clock.sleep(BETWEEN_LOOKS_MS, signal);
  }
}

async function pending(
  directory: ActionDirectory,
  instanceId: string,
  group: string,
  known: KnownAction,
  signal: AbortSignal,
): Promise<LifecycleAction> {
  const hooks = await directory.terminatingHooks(group, instanceId, known, signal);
  if (hooks.length > 0) return { kind: 'pending', group, hooks };
  if (known.hook === undefined) return { kind: 'none', why: `group ${group} has no terminating lifecycle hook` };
  throw new Failure(`group ${group} has no terminating lifecycle hook called ${known.hook}`, {
    advice: 'see aws autoscaling describe-lifecycle-hooks for the hooks it has',
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
  // On its way back to the warm pool: its node goes, although the instance will not be terminated.
  return state === 'Pending' || state === 'Pending:Wait' ? 'leaving' : 'over';
}
