import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import type { LifecycleAction, LifecycleHook } from './lifecycle.ts';

/**
 * The event that EventBridge delivers when a terminating hook starts.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html#terminate-lifecycle-action
 */
export type LifecycleActionEvent = {
  version: '0';
  id: string;
  'detail-type': 'EC2 Instance-terminate Lifecycle Action';
  source: 'aws.autoscaling';
  account: string;
  time: string;
  region: string;
  resources: string[];
  detail: {
    LifecycleActionToken: string;
    AutoScalingGroupName: string;
    LifecycleHookName: string;
    EC2InstanceId: string;
    LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING';
    NotificationMetadata?: string;
    Origin: 'AutoScalingGroup';
    Destination: 'EC2';
  };
};

/** The event of one lifecycle action. */
export function lifecycleActionEvent(
  context: Context,
  subject: { groupArn: string; instanceId: string; hook: LifecycleHook; action: LifecycleAction },
): LifecycleActionEvent {
  const { groupArn, instanceId, hook, action } = subject;
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'EC2 Instance-terminate Lifecycle Action',
    source: 'aws.autoscaling',
    account: context.accountId,
    // EventBridge writes times in whole seconds.
    time: new Date(action.startedAt).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    region: context.region,
    resources: [groupArn],
    detail: {
      LifecycleActionToken: action.token,
      AutoScalingGroupName: hook.autoScalingGroupName,
      LifecycleHookName: hook.lifecycleHookName,
      EC2InstanceId: instanceId,
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
      ...(hook.notificationMetadata === undefined ? {} : { NotificationMetadata: hook.notificationMetadata }),
      Origin: 'AutoScalingGroup',
      Destination: 'EC2',
    },
  };
}
