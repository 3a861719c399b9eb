import { type Context, retry } from '../context.ts';
import { withTimeout } from '../lib/clock.ts';
import { Failure, isBug } from '../lib/errors.ts';
import type { Hook } from './heartbeat.ts';

/** What the event, or a person, said about the lifecycle action; whatever is absent is looked up. */
export type KnownAction = {
  /** A person typed it: a contradiction is a mistake. An event may be late, and Auto Scaling knows better. */
  readonly isTyped?: boolean;
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
  /** Does the group retain an instance whose terminating lifecycle action ends with ABANDON? */
  retainsAbandoned(group: string, signal: AbortSignal): Promise<boolean>;
  /** Terminates an instance that its group retains. A new lifecycle action starts, with a new token. */
  terminate(instanceId: string, signal: AbortSignal): Promise<void>;
};

export type LifecycleAction =
  | {
      readonly kind: 'pending';
      readonly group: string;
      readonly hooks: readonly Hook[];
      /** Only the first heartbeat shows whether the instance leaves. */
      readonly isUncertain?: boolean;
      /** The instance ends after it. Only then its group may retain it. */
      readonly isFinal?: boolean;
      /** It ends in its warm pool, where an instance that is stopped, or never joined, has no node. */
      readonly isWarm?: boolean;
      /** Its root volume is replaced: the same instance enters service again minutes later. */
      readonly isReplacement?: boolean;
    }
  /** The action ended with ABANDON, and the group keeps the instance running until it is terminated by a call. */
  | { readonly kind: 'retained'; readonly group: string; readonly lifecycleState: string }
  /** Over, or there never was one: the instance is gone or past its hooks. */
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'not terminating'; readonly group: string; readonly lifecycleState: string };

/** Auto Scaling's describe calls may lag behind its events by a few seconds. */
const MAX_LOOKUPS = 5;
const LOOKUP_INTERVAL_MS = 2_000;

/** A drain that starts late is worse than one that does not know exactly when its action ends. */
const START_TIMEOUT_MS = 10_000;

/**
 * Looks up the lifecycle action of the instance, and the hooks that wait for it. Where the event and Auto Scaling contradict
 * each other, Auto Scaling is believed.
 * @throws Failure when Auto Scaling contradicts what a person typed; whatever the directory rejects with
 */
export async function findAction(
  directory: ActionDirectory,
  instanceId: string,
  known: KnownAction,
  context: Context,
): Promise<LifecycleAction> {
  const { clock, signal } = context;
  for (let lookups = 1; ; lookups++) {
    const state = await directory.instanceState(instanceId, signal);
    if (state === undefined) return { kind: 'none', reason: `${instanceId} is in no Auto Scaling group` };
    const { group, lifecycleState } = state;
    if (lookups === 1 && known.group !== undefined && known.group !== group) {
      contradict(
        `${instanceId} is in group ${group}, not in ${known.group}`,
        'AUTO_SCALING_GROUP_NAME',
        known,
        context,
      );
    }
    switch (phaseOf(lifecycleState, known)) {
      case 'over':
        return { kind: 'none', reason: `${instanceId} is ${lifecycleState}` };
      case 'retained':
        return { kind: 'retained', group, lifecycleState };
      case 'leaving':
      case 'uncertain':
        return pendingAction(directory, instanceId, state, known, context);
    }
    if (known.token === undefined || lookups === MAX_LOOKUPS) {
      // A duplicate of the event, after the instance has returned, is no mistake.
      if (returns(known)) return { kind: 'none', reason: `${instanceId} is ${lifecycleState} again` };
      return { kind: 'not terminating', group, lifecycleState };
    }
    await clock.sleep(LOOKUP_INTERVAL_MS, signal);
  }
}

async function pendingAction(
  directory: ActionDirectory,
  instanceId: string,
  { group, lifecycleState }: InstanceState,
  known: KnownAction,
  context: Context,
): Promise<LifecycleAction> {
  const { hook, ...others } = known;
  let hooks = await directory.terminatingHooks(group, instanceId, known, context.signal);
  if (hooks.length === 0 && hook !== undefined) {
    contradict(
      `group ${group} has no terminating lifecycle hook called ${hook}`,
      'LIFECYCLE_HOOK_NAME',
      known,
      context,
    );
    hooks = await directory.terminatingHooks(group, instanceId, others, context.signal);
  }
  if (hooks.length > 0) {
    return {
      kind: 'pending',
      group,
      hooks,
      ...(phaseOf(lifecycleState, known) === 'uncertain' && { isUncertain: true }),
      ...(/^(Warmed:)?Terminating/.test(lifecycleState) && { isFinal: true }),
      ...(/^Warmed:Terminating/.test(lifecycleState) && { isWarm: true }),
      ...(/^ReplacingRootVolume/.test(lifecycleState) && { isReplacement: true }),
    };
  }
  return { kind: 'none', reason: `group ${group} has no terminating lifecycle hook` };
}

/** @throws Failure for what a person typed; what an event said is a warning */
function contradict(message: string, setting: string, { isTyped = false }: KnownAction, { report }: Context): void {
  if (isTyped) {
    throw new Failure(`${message} as ${setting} says`, {
      advice:
        'list the groups with aws autoscaling describe-auto-scaling-instances, their hooks with describe-lifecycle-hooks',
    });
  }
  report({ type: 'warning', message: `${message} as the event says; continuing with what Auto Scaling says` });
}

/** `uncertain`: on its way into the warm pool, as an instance that leaves or as a new one. */
export type Phase = 'in' | 'leaving' | 'uncertain' | 'retained' | 'over';

/**
 * Where a lifecycle state is on the way out of the group. A root volume is replaced like an instance: everything on it ends.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html, for warm pools
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html, for root volumes
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html, and for retained instances
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-lifecycle-policy.html
 */
export function phaseOf(lifecycleState: string, known: Pick<KnownAction, 'destination' | 'token'> = {}): Phase {
  const isWarmed = lifecycleState.startsWith('Warmed:');
  const state = lifecycleState.replace(/^Warmed:/, '');
  if (/^(Terminating|ReplacingRootVolume)(:Wait)?$/.test(state)) return 'leaving';
  if (/^(Terminating|ReplacingRootVolume):Proceed$|^(Terminated|RootVolumeReplaced)$/.test(state)) return 'over';
  if (/:Retained$/.test(state)) return 'retained';
  if (isWarmed && /^Pending(:Wait)?$/.test(state)) return known.destination === 'WarmPool' ? 'leaving' : 'uncertain';
  if (isWarmed && known.destination === 'WarmPool') return 'over';
  // A state that Auto Scaling has added since, and an event that says that it belongs to a terminating hook.
  if (!/^Pending/.test(state) && /:Wait$/.test(state) && known.token !== undefined) return 'leaving';
  return 'in';
}

/** An action lasts 48 hours at most. https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHook.html */
const MAX_ACTION_MS = 48 * 3_600_000;
/** The clock of the task, or of whoever wrote the event, may be wrong. */
const CLOCK_SKEW_MS = 15 * 60_000;

/**
 * What is known of the action, without a start that cannot be true: the end that follows from it would hurry every pod, or none.
 * @param now milliseconds since the epoch
 */
export function believable(known: KnownAction, now: number, report: Context['report']): KnownAction {
  const { startedAt, ...others } = known;
  if (startedAt === undefined) return known;
  if (startedAt > now - MAX_ACTION_MS - CLOCK_SKEW_MS && startedAt < now + CLOCK_SKEW_MS) return known;
  const message = `the event says that the lifecycle action started at ${new Date(startedAt).toISOString()}, which cannot be; looking it up`;
  report({ type: 'warning', message });
  return others;
}

/** Is the instance in its group, or about to enter it? In its warm pool it is not. */
export function isInService(lifecycleState: string): boolean {
  return phaseOf(lifecycleState) === 'in' && !lifecycleState.startsWith('Warmed:');
}

/** Does the event say that the instance returns? */
function returns({ destination }: KnownAction): boolean {
  return destination === 'WarmPool' || destination === 'AutoScalingGroup';
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
