import { createHash } from 'node:crypto';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { Form } from '../protocol/form.ts';
import { pageOf } from '../protocol/page.ts';
import type { XmlValue } from '../protocol/xml.ts';
import type { Fleet } from './fleet.ts';
import type { Instance } from './instance.ts';
import { integer, validationError } from './parameters.ts';
import { isRetained, overAt, stateIn, type Transition } from './transition.ts';

/** Milliseconds since the epoch; `endedAt` is absent while the activity is in progress. */
type Activity = {
  readonly group: string;
  readonly description: string;
  readonly cause: string;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly status: string;
  readonly statusMessage?: string;
  readonly progress: number;
};

const isoSeconds = (time: number) => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** AWS uses random UUIDs. This ID is derived, so that it is the same in every response. */
function idOf({ description, startedAt }: Activity): string {
  const hex = createHash('sha256').update(`${description} ${startedAt}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

function launchActivity({ instanceId, launchTime }: Instance, group: string): Activity {
  return {
    group,
    description: `Launching a new EC2 instance: ${instanceId}`,
    cause: `At ${isoSeconds(launchTime)} an instance was started in response to a difference between desired and actual capacity.`,
    startedAt: launchTime,
    endedAt: launchTime,
    status: 'Successful',
    progress: 100,
  };
}

/**
 * `MidTerminatingLifecycleAction` is not in the API reference, but AWS returns it while a hook is pending. The termination of
 * a retained instance is cancelled: https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
 */
function terminationActivity(
  transition: Transition,
  { instanceId }: Instance,
  group: string,
  { now, timeScale }: Context,
): Activity {
  const started = {
    group,
    description: `Terminating EC2 instance: ${instanceId}`,
    cause: `At ${isoSeconds(transition.startedAt)} instance ${instanceId} was taken out of service in response to a user request.`,
    startedAt: transition.startedAt,
  };
  const endedAt = overAt(transition, now(), timeScale);
  if (endedAt === undefined) return { ...started, status: 'MidTerminatingLifecycleAction', progress: 60 };
  if (now() < endedAt) return { ...started, status: 'InProgress', progress: 60 };
  if (!isRetained(transition, now())) return { ...started, endedAt, status: 'Successful', progress: 100 };
  const statusMessage = `Instance ${instanceId} is in ${stateIn(transition, now(), timeScale)}: a lifecycle hook was abandoned.`;
  return { ...started, endedAt, status: 'Cancelled', statusMessage, progress: 100 };
}

/** The launch of the instance and its terminations. Nothing documents the activities of warm pools and root volumes. */
function activitiesOf(instance: Instance, group: string, context: Context): Activity[] {
  const { past = [], transition } = instance;
  const terminations = [...past, ...(transition === undefined ? [] : [transition])]
    .filter(({ kind }) => kind === 'terminate')
    .map((one) => terminationActivity(one, instance, group, context));
  return [launchActivity(instance, group), ...terminations];
}

function activityXml(activity: Activity, fleet: Fleet, { region }: Context): { readonly [name: string]: XmlValue } {
  return {
    ActivityId: idOf(activity),
    AutoScalingGroupName: activity.group,
    AutoScalingGroupARN: fleet.group(activity.group).arn,
    Description: activity.description,
    Cause: activity.cause,
    StartTime: new Date(activity.startedAt).toISOString(),
    EndTime: activity.endedAt === undefined ? undefined : isoSeconds(activity.endedAt),
    StatusCode: activity.status,
    StatusMessage: activity.statusMessage,
    Progress: activity.progress,
    Details: JSON.stringify({ 'Subnet ID': 'subnet-0123456789abcdef0', 'Availability Zone': `${region}a` }),
  };
}

/** The activity in the response of TerminateInstanceInAutoScalingGroup. */
export function startedTermination(instance: Instance, fleet: Fleet, context: Context): XmlValue {
  const { transition, autoScalingGroupName: group = '' } = instance;
  if (transition === undefined) return undefined;
  const activity = terminationActivity(transition, instance, group, context);
  return activityXml({ ...activity, status: 'InProgress', progress: 0 }, fleet, context);
}

/**
 * The launch and termination activities of all instances: those in progress first, then the newest.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
 */
export function describeActivities(form: Form, fleet: Fleet, context: Context): XmlValue {
  if (form.forms('Filters.member').length > 0) throw validationError('Filters are not simulated');
  const groupName = form.get('AutoScalingGroupName');
  if (groupName !== undefined) fleet.group(groupName);
  const ids = new Set(form.list('ActivityIds.member'));
  const activities = fleet
    .instances()
    .flatMap((instance) => {
      const group = instance.autoScalingGroupName;
      if (group === undefined || (groupName !== undefined && group !== groupName)) return [];
      return activitiesOf(instance, group, context);
    })
    .filter((activity) => ids.size === 0 || ids.has(idOf(activity)))
    .sort((a, b) => Number(a.endedAt !== undefined) - Number(b.endedAt !== undefined) || b.startedAt - a.startedAt);
  const page = pageOf(activities, integer(form, 'MaxRecords', 100, 1, 100), form.get('NextToken'));
  if (!page) throw new ServiceError('InvalidNextToken', 'The NextToken value is not valid.');
  return { Activities: page.items.map((one) => activityXml(one, fleet, context)), NextToken: page.nextToken };
}
