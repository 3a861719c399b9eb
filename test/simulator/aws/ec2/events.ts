import { randomUUID } from 'node:crypto';
import { eventTime } from '../autoscaling/lifecycle-event.ts';
import type { StateChange } from '../autoscaling/power.ts';
import type { Context } from '../context.ts';
import type { ValueMap } from '../json.ts';

type Account = Pick<Context, 'accountId' | 'partition' | 'region'>;

function envelope({ accountId, region }: Account, source: string, type: string, at: number): ValueMap {
  return {
    ...{ version: '0', id: randomUUID(), 'detail-type': type, source, account: accountId },
    ...{ time: eventTime(at), region },
  };
}

function instanceArn({ accountId, partition, region }: Account, instanceId: string): string {
  return `arn:${partition.id}:ec2:${region}:${accountId}:instance/${instanceId}`;
}

/** @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html */
export function stateChangeEvent(account: Account, { instanceId, state, at }: StateChange): ValueMap {
  return {
    ...envelope(account, 'aws.ec2', 'EC2 Instance State-change Notification', at),
    resources: [instanceArn(account, instanceId)],
    detail: { 'instance-id': instanceId, state },
  };
}

export type SpotAction = 'terminate' | 'stop' | 'hibernate';

/**
 * The event two minutes before the interruption. Its resource has a zone instead of region and account, as AWS writes it.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html#ec2-spot-instance-interruption-warning-event
 */
export function spotInterruptionEvent(
  account: Account,
  { instanceId, action, at }: { instanceId: string; action: SpotAction; at: number },
): ValueMap {
  return {
    ...envelope(account, 'aws.ec2', 'EC2 Spot Instance Interruption Warning', at),
    resources: [`arn:${account.partition.id}:ec2:${account.region}a:instance/${instanceId}`],
    detail: { 'instance-id': instanceId, 'instance-action': action },
  };
}

/** @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html#monitor-rebalance-recommendations */
export function rebalanceEvent(account: Account, { instanceId, at }: { instanceId: string; at: number }): ValueMap {
  return {
    ...envelope(account, 'aws.ec2', 'EC2 Instance Rebalance Recommendation', at),
    resources: [instanceArn(account, instanceId)],
    detail: { 'instance-id': instanceId },
  };
}

export type ScheduledChange = {
  readonly instanceIds: readonly string[];
  readonly at: number;
  readonly startTime: number;
  /** Default: `AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED`. */
  readonly eventTypeCode?: string;
};

/** AWS Health writes times as HTTP does: `Thu, 27 Aug 2026 21:42:38 GMT`. */
function healthTime(time: number): string {
  return new Date(time).toUTCString();
}

/** @see https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html */
export function scheduledChangeEvent(account: Account, change: ScheduledChange): ValueMap {
  const { instanceIds, at, startTime, eventTypeCode = 'AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED' } = change;
  const { accountId, partition, region } = account;
  return {
    ...envelope(account, 'aws.health', 'AWS Health Event', at),
    resources: [...instanceIds],
    detail: {
      eventArn: `arn:${partition.id}:health:${region}::event/EC2/${eventTypeCode}/${eventTypeCode}_${randomUUID()}`,
      service: 'EC2',
      eventScopeCode: 'ACCOUNT_SPECIFIC',
      communicationId: randomUUID().replaceAll('-', ''),
      lastUpdatedTime: healthTime(at),
      eventRegion: region,
      eventTypeCode,
      eventTypeCategory: 'scheduledChange',
      startTime: healthTime(startTime),
      endTime: healthTime(startTime),
      statusCode: 'upcoming',
      eventDescription: [{ language: 'en_US', latestDescription: 'The instance is scheduled for retirement.' }],
      affectedEntities: instanceIds.map((entityValue) => ({
        ...{ entityValue, status: 'PENDING', lastUpdatedTime: healthTime(at) },
      })),
      affectedAccount: accountId,
      page: '1',
      totalPages: '1',
    },
  };
}
