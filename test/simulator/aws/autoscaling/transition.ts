import { applyTimeouts, type LifecycleAction, waitEndedAt } from './lifecycle.ts';

/** Where an instance comes from, and where it goes: the fields `Origin` and `Destination` of its events. */
export type Place = 'EC2' | 'AutoScalingGroup' | 'WarmPool';

export type WarmPoolState = 'Stopped' | 'Running' | 'Hibernated';

export type TransitionKind = 'terminate' | 'replace root volume' | 'return to warm pool' | 'enter service';

/** A change of an instance that waits for lifecycle hooks first. */
export type Transition = {
  readonly kind: TransitionKind;
  readonly origin: Place;
  readonly startedAt: number;
  readonly actions: readonly LifecycleAction[];
  /** The state in the warm pool; only for an instance that returns to it. */
  readonly poolState?: WarmPoolState;
  /** Whether the return of the instance into service has an event `EC2 Instance Launch Successful`. */
  readonly hasReturnEvent: boolean;
  /** What the listeners were told: nothing yet, that the last hook has ended, or that the transition is over. */
  readonly told: 'nothing' | 'wait ended' | 'over';
};

/** `Terminated`: no longer in its group. */
export type LifecycleState =
  | 'InService'
  | 'Pending'
  | `${'Pending' | 'Terminating' | 'ReplacingRootVolume' | 'Warmed:Pending' | 'Warmed:Terminating'}:${'Wait' | 'Proceed'}`
  | 'RootVolumeReplaced'
  | `${'Terminating' | 'Warmed:Pending' | 'Warmed:Terminating'}:Retained`
  | `Warmed:${WarmPoolState}`
  | 'Terminated';

/** How long an instance takes for each state after its hooks. AWS takes as long as the machine does. */
const STEP_MS = 1000;

/** Ends the actions that have run out of time. */
export function withTimeouts(transition: Transition, now: number): Transition {
  return { ...transition, actions: applyTimeouts(transition.actions, now) };
}

/** When the last lifecycle action ended; undefined while one is pending. */
export function waitEnd({ actions, startedAt }: Transition, now: number): number | undefined {
  return waitEndedAt(applyTimeouts(actions, now), startedAt);
}

/** When the transition is (or will be) over; undefined while a hook is pending. */
export function overAt(transition: Transition, now: number, timeScale: number): number | undefined {
  const end = waitEnd(transition, now);
  return end === undefined ? undefined : end + (stepsOf(transition).length * STEP_MS) / timeScale;
}

/**
 * Whether the instance stays as it is because an action was abandoned.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
 */
export function isRetained(transition: Transition, now: number): boolean {
  return applyTimeouts(transition.actions, now).some(({ result, retains }) => retains && result === 'ABANDON');
}

/**
 * The lifecycle state of an instance in this transition.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html#rvr-lifecycle-state-transitions
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
 */
export function stateIn(transition: Transition, now: number, timeScale: number): LifecycleState {
  const end = waitEnd(transition, now);
  if (end === undefined) return `${prefixOf(transition)}:Wait`;
  const step = Math.floor(((now - end) * timeScale) / STEP_MS);
  return stepsOf(transition)[step] ?? finalState(transition, now);
}

function prefixOf({ kind, origin }: Transition) {
  switch (kind) {
    case 'terminate':
      return origin === 'WarmPool' ? 'Warmed:Terminating' : 'Terminating';
    case 'replace root volume':
      return 'ReplacingRootVolume';
    case 'return to warm pool':
      return 'Warmed:Pending';
    case 'enter service':
      return 'Pending';
  }
}

function stepsOf(transition: Transition): readonly LifecycleState[] {
  const proceed = `${prefixOf(transition)}:Proceed` as const;
  return transition.kind === 'replace root volume' ? [proceed, 'RootVolumeReplaced'] : [proceed];
}

function finalState(transition: Transition, now: number): LifecycleState {
  const retained = isRetained(transition, now);
  switch (transition.kind) {
    case 'terminate':
      if (!retained) return 'Terminated';
      return transition.origin === 'WarmPool' ? 'Warmed:Terminating:Retained' : 'Terminating:Retained';
    case 'replace root volume':
      return 'Pending';
    case 'return to warm pool':
      return retained ? 'Warmed:Pending:Retained' : `Warmed:${transition.poolState ?? 'Stopped'}`;
    case 'enter service':
      return 'InService';
  }
}
