import type { LifecycleHook } from './lifecycle.ts';
import type { WarmPoolState } from './transition.ts';

export type AutoScalingGroup = {
  name: string;
  arn: string;
  createdTime: number;
  desiredCapacity: number;
  tags: Record<string, string>;
  hooks: Map<string, LifecycleHook>;
  terminateHookAbandon?: TerminateHookAbandon;
  warmPoolState?: WarmPoolState;
};

/** @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RetentionTriggers.html */
export type TerminateHookAbandon = 'retain' | 'terminate';

export type NewGroup = {
  name: string;
  tags?: Record<string, string>;
  desiredCapacity?: number;
  /** `InstanceLifecyclePolicy.RetentionTriggers.TerminateHookAbandon`. */
  terminateHookAbandon?: TerminateHookAbandon;
  /** The state of the instances in the group's warm pool; absent: the group has none. */
  warmPoolState?: WarmPoolState;
};
