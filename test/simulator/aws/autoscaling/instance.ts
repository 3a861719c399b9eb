import { decidedAt, type LifecycleAction, settled } from './lifecycle.ts';

export type Instance = {
  instanceId: string;
  autoScalingGroupName?: string;
  privateDnsName: string;
  tags: Record<string, string>;
  launchTime: number;
  /** Present from the moment that termination was asked for. */
  termination?: { startedAt: number; actions: readonly LifecycleAction[] };
};

/** `Terminated`: no longer in its group. */
export type LifecycleState = 'InService' | 'Terminating:Wait' | 'Terminating:Proceed' | 'Terminated';

const proceedMs = 1000;

/** The instance's lifecycle actions as they stand now. */
export function actionsOf(instance: Instance, now: number): readonly LifecycleAction[] {
  return settled(instance.termination?.actions ?? [], now);
}

/** When the instance left (or will leave) its group; undefined while it is in service or waited for. */
export function goneAt(instance: Instance, now: number, timeScale: number): number | undefined {
  if (!instance.termination) return undefined;
  const decided = decidedAt(actionsOf(instance, now), instance.termination.startedAt);
  return decided === undefined ? undefined : decided + proceedMs / timeScale;
}

/**
 * The instance's place in its group's lifecycle.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
 */
export function lifecycleState(instance: Instance, now: number, timeScale: number): LifecycleState {
  if (!instance.termination) return 'InService';
  const gone = goneAt(instance, now, timeScale);
  if (gone === undefined) return 'Terminating:Wait';
  return now < gone ? 'Terminating:Proceed' : 'Terminated';
}

/** EC2's view: an instance that is waited for still runs, and a terminated one is known for about an hour. */
export function ec2State(
  instance: Instance,
  now: number,
  timeScale: number,
): { code: number; name: string } | 'forgotten' {
  switch (lifecycleState(instance, now, timeScale)) {
    case 'InService':
    case 'Terminating:Wait':
      return { code: 16, name: 'running' };
    case 'Terminating:Proceed':
      return { code: 32, name: 'shutting-down' };
    case 'Terminated':
      return now - (goneAt(instance, now, timeScale) ?? now) > 3_600_000
        ? 'forgotten'
        : { code: 48, name: 'terminated' };
  }
}
