import type { LifecycleAction } from './lifecycle.ts';
import {
  isRetained,
  type LifecycleState,
  overAt,
  stateIn,
  type Transition,
  waitEnd,
  withTimeouts,
} from './transition.ts';

export type { LifecycleState };

export type Instance = {
  instanceId: string;
  autoScalingGroupName?: string;
  privateDnsName: string;
  /** If absent, the one that the private DNS name contains. */
  privateIpAddress?: string;
  /** The addresses of each network interface; if absent, there is one interface, with the address above. */
  networkInterfaces?: readonly (readonly string[])[];
  tags: Record<string, string>;
  /** Milliseconds since the epoch. */
  launchTime: number;
  /** The last change that waited, or waits, for lifecycle hooks. Absent: the instance is in service since its launch. */
  transition?: Transition;
  /** Earlier ones, the oldest first. */
  past?: readonly Transition[];
  /** The last start or stop; absent: the machine runs since its launch. */
  power?: { readonly to: 'running' | 'stopped'; readonly since: number };
  /** When EC2 ended the machine without Auto Scaling: an interrupted Spot Instance. */
  endedByEc2At?: number;
};

const POWER_MS = 1000;
const VISIBLE_MS = 3_600_000;

/** All lifecycle actions of the instance, the oldest first. */
export function actionsOf({ transition, past = [] }: Instance, now: number): readonly LifecycleAction[] {
  const current = transition === undefined ? [] : withTimeouts(transition, now).actions;
  return [...past.flatMap(({ actions }) => actions), ...current];
}

/** The instance's lifecycle state in its group. */
export function lifecycleState({ transition, endedByEc2At }: Instance, now: number, timeScale: number): LifecycleState {
  if (endedByEc2At !== undefined) return 'Terminated';
  return transition === undefined ? 'InService' : stateIn(transition, now, timeScale);
}

/** When EC2 began to end the machine; undefined: it is not about to. */
function endsSince({ transition, endedByEc2At }: Instance, now: number): number | undefined {
  if (endedByEc2At !== undefined) return endedByEc2At;
  if (transition?.kind !== 'terminate' || isRetained(transition, now)) return undefined;
  return waitEnd(transition, now);
}

/** When the machine was (or will be) gone; undefined: it is not about to go. */
export function terminatedAt(instance: Instance, now: number, timeScale: number): number | undefined {
  const { transition, endedByEc2At } = instance;
  if (endedByEc2At !== undefined) return endedByEc2At + POWER_MS / timeScale;
  if (transition === undefined || endsSince(instance, now) === undefined) return undefined;
  return overAt(transition, now, timeScale);
}

export type Ec2State = { readonly code: number; readonly name: Ec2StateName };
export type Ec2StateName = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';

/**
 * The instance state in EC2: running while a hook is pending; a terminated instance stays visible for about an hour.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html
 */
export function ec2State(instance: Instance, now: number, timeScale: number): Ec2State | 'unknown' {
  const gone = terminatedAt(instance, now, timeScale);
  if (gone !== undefined) {
    if (now < gone) return { code: 32, name: 'shutting-down' };
    return now - gone > VISIBLE_MS ? 'unknown' : { code: 48, name: 'terminated' };
  }
  const { power } = instance;
  const isChanging = power !== undefined && now < power.since + POWER_MS / timeScale;
  if (power?.to === 'stopped') return isChanging ? { code: 64, name: 'stopping' } : { code: 80, name: 'stopped' };
  return isChanging ? { code: 0, name: 'pending' } : { code: 16, name: 'running' };
}

/** How long a machine takes to start and to stop, in milliseconds. AWS takes as long as the machine does. */
export function powerChangeMs(timeScale: number): number {
  return POWER_MS / timeScale;
}
