import { applyTimeouts, type LifecycleAction, waitEndedAt } from './lifecycle.ts';

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
  /** Present once termination was requested. */
  termination?: { startedAt: number; actions: readonly LifecycleAction[] };
};

/** `Terminated`: no longer in its group. */
export type LifecycleState = 'InService' | 'Terminating:Wait' | 'Terminating:Proceed' | 'Terminated';

const proceedMs = 1000;

/** The instance's current lifecycle actions. */
export function actionsOf(instance: Instance, now: number): readonly LifecycleAction[] {
  return applyTimeouts(instance.termination?.actions ?? [], now);
}

/** When the instance left (or will leave) its group. Undefined while it is in service or a hook is pending. */
export function leftGroupAt(instance: Instance, now: number, timeScale: number): number | undefined {
  if (!instance.termination) return undefined;
  const endedAt = waitEndedAt(actionsOf(instance, now), instance.termination.startedAt);
  return endedAt === undefined ? undefined : endedAt + proceedMs / timeScale;
}

/**
 * The instance's lifecycle state in its group.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
 */
export function lifecycleState(instance: Instance, now: number, timeScale: number): LifecycleState {
  if (!instance.termination) return 'InService';
  const leftAt = leftGroupAt(instance, now, timeScale);
  if (leftAt === undefined) return 'Terminating:Wait';
  return now < leftAt ? 'Terminating:Proceed' : 'Terminated';
}

/** The instance state in EC2: running while a hook is pending; a terminated instance stays visible for about an hour. */
export function ec2State(
  instance: Instance,
  now: number,
  timeScale: number,
): { code: number; name: string } | 'unknown' {
  switch (lifecycleState(instance, now, timeScale)) {
    case 'InService':
    case 'Terminating:Wait':
      return { code: 16, name: 'running' };
    case 'Terminating:Proceed':
      return { code: 32, name: 'shutting-down' };
    case 'Terminated':
      return now - (leftGroupAt(instance, now, timeScale) ?? now) > 3_600_000
        ? 'unknown'
        : { code: 48, name: 'terminated' };
  }
}
