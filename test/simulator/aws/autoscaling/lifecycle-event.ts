import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import type { LifecycleAction, LifecycleHook } from './lifecycle.ts';
import type { Place, Transition } from './transition.ts';

type EventOf<Type extends string, Detail> = {
  version: '0';
  id: string;
  'detail-type': Type;
  source: 'aws.autoscaling';
  account: string;
  time: string;
  region: string;
  resources: string[];
  detail: Detail;
};

type LifecycleActionDetail<Transition extends string> = {
  LifecycleActionToken: string;
  AutoScalingGroupName: string;
  LifecycleHookName: string;
  EC2InstanceId: string;
  LifecycleTransition: Transition;
  NotificationMetadata?: string;
  Origin: Place;
  Destination: Place;
  Action?: 'ReplaceRootVolume';
};

/**
 * The event that EventBridge delivers when a terminating hook starts: the instance ends, returns to its warm pool, or gets
 * a new root volume.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html#terminate-lifecycle-action
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html#instance-refresh-rvr-lifecycle-events
 */
export type LifecycleActionEvent = EventOf<
  'EC2 Instance-terminate Lifecycle Action',
  LifecycleActionDetail<'autoscaling:EC2_INSTANCE_TERMINATING'>
>;

/** The event that EventBridge delivers when a launching hook starts. */
export type LaunchActionEvent = EventOf<
  'EC2 Instance-launch Lifecycle Action',
  LifecycleActionDetail<'autoscaling:EC2_INSTANCE_LAUNCHING'>
>;

/**
 * The event of an instance that has entered service.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html#launch-successful
 */
export type LaunchEvent = EventOf<
  'EC2 Instance Launch Successful',
  {
    StatusCode: 'InProgress';
    Description: string;
    AutoScalingGroupName: string;
    ActivityId: string;
    Details: { 'Availability Zone': string; 'Subnet ID': string };
    RequestId: string;
    StatusMessage: string;
    StartTime: string;
    EndTime: string;
    EC2InstanceId: string;
    Cause: string;
    Origin: Place;
    Destination: 'AutoScalingGroup';
  }
>;

export type AutoScalingEvent = LifecycleActionEvent | LaunchActionEvent | LaunchEvent;

/** EventBridge writes times in whole seconds. */
export function eventTime(time: number): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function envelope<Type extends string>(context: Context, type: Type, at: number, resources: string[]) {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': type,
    source: 'aws.autoscaling',
    account: context.accountId,
    time: eventTime(at),
    region: context.region,
    resources,
  } as const;
}

function destinationOf({ kind }: Transition): Place {
  if (kind === 'terminate') return 'EC2';
  return kind === 'return to warm pool' ? 'WarmPool' : 'AutoScalingGroup';
}

type ActionSubject = {
  groupArn: string;
  instanceId: string;
  hook: LifecycleHook;
  action: LifecycleAction;
  transition: Transition;
};

function actionDetail<Transition extends string>(subject: ActionSubject, lifecycleTransition: Transition) {
  const { instanceId, hook, action, transition } = subject;
  const destination = destinationOf(transition);
  const replacesRootVolume = transition.origin === 'AutoScalingGroup' && destination === 'AutoScalingGroup';
  return {
    LifecycleActionToken: action.token,
    AutoScalingGroupName: hook.autoScalingGroupName,
    LifecycleHookName: hook.lifecycleHookName,
    EC2InstanceId: instanceId,
    LifecycleTransition: lifecycleTransition,
    ...(hook.notificationMetadata === undefined ? {} : { NotificationMetadata: hook.notificationMetadata }),
    Origin: transition.origin,
    Destination: destination,
    ...(replacesRootVolume ? { Action: 'ReplaceRootVolume' as const } : {}),
  };
}

/** The event of one action of a terminating hook. */
export function lifecycleActionEvent(context: Context, subject: ActionSubject): LifecycleActionEvent {
  const { action, groupArn } = subject;
  return {
    ...envelope(context, 'EC2 Instance-terminate Lifecycle Action', action.startedAt, [groupArn]),
    detail: actionDetail(subject, 'autoscaling:EC2_INSTANCE_TERMINATING'),
  };
}

/** The event of one action of a launching hook. */
export function launchActionEvent(context: Context, subject: ActionSubject): LaunchActionEvent {
  const { action, groupArn } = subject;
  return {
    ...envelope(context, 'EC2 Instance-launch Lifecycle Action', action.startedAt, [groupArn]),
    detail: actionDetail(subject, 'autoscaling:EC2_INSTANCE_LAUNCHING'),
  };
}

export function launchEvent(
  context: Context,
  subject: { group: { name: string; arn: string }; instanceId: string; origin: Place; startedAt: number },
): LaunchEvent {
  const { group, instanceId, origin, startedAt } = subject;
  const now = context.now();
  const { accountId, partition, region } = context;
  return {
    ...envelope(context, 'EC2 Instance Launch Successful', now, [
      group.arn,
      `arn:${partition.id}:ec2:${region}:${accountId}:instance/${instanceId}`,
    ]),
    detail: {
      StatusCode: 'InProgress',
      Description: `Launching a new EC2 instance: ${instanceId}`,
      AutoScalingGroupName: group.name,
      ActivityId: randomUUID(),
      Details: { 'Availability Zone': `${region}a`, 'Subnet ID': 'subnet-0123456789abcdef0' },
      RequestId: randomUUID(),
      StatusMessage: '',
      StartTime: eventTime(startedAt),
      EndTime: eventTime(now),
      EC2InstanceId: instanceId,
      Cause: `At ${eventTime(startedAt)} an instance was started in response to a difference between desired and actual capacity.`,
      Origin: origin,
      Destination: 'AutoScalingGroup',
    },
  };
}
