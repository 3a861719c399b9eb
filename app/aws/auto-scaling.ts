import { Failure } from '../lib/errors.ts';
import type { ActionDirectory } from '../lifecycle/action.ts';
import type { GroupCapacity } from '../run/capacity.ts';
import { type AwsRegion, awsCall, clientSettings } from './call.ts';
import { hookOf } from './lifecycle-hook.ts';

/** The default GlobalTimeout: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHook.html */
const MAX_GLOBAL_TIMEOUT_SECONDS = 172_800;
const MAX_HEARTBEAT_TIMEOUTS = 100;

/** The limit of DescribeScalingActivities and of DescribeAutoScalingGroups. */
const MAX_RECORDS = 100;

/** The calls to Auto Scaling that the drainer makes. Each rejects with a Failure when AWS fails, or denies access. */
export type AutoScaling = ActionDirectory & {
  groupCapacity(group: string, signal: AbortSignal): Promise<GroupCapacity>;
  hasTerminatingHook(group: string, hook: string, signal: AbortSignal): Promise<boolean>;
};

/**
 * Loads the SDK only when called: a drain without AWS never loads it.
 * @param warn receives what an operator should know about an event that contradicts Auto Scaling
 */
export async function autoScaling(
  region: AwsRegion,
  warn: (message: string) => void = () => undefined,
): Promise<AutoScaling> {
  const sdk = await import('./sdk.ts');
  const client = new sdk.AutoScalingClient(clientSettings(region));
  const describeGroup = async (group: string, signal: AbortSignal) => {
    const command = new sdk.DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] });
    const { AutoScalingGroups: [described] = [] } = await awsCall(
      `describe the Auto Scaling group ${group}`,
      'autoscaling:DescribeAutoScalingGroups',
      (abortSignal) => client.send(command, { abortSignal }),
      signal,
    );
    return described;
  };
  const describeTerminatingHooks = async (group: string, hook: string | undefined, signal: AbortSignal) => {
    const command = new sdk.DescribeLifecycleHooksCommand({
      AutoScalingGroupName: group,
      ...(hook !== undefined && { LifecycleHookNames: [hook] }),
    });
    const { LifecycleHooks: hooks = [] } = await awsCall(
      `describe the lifecycle hooks of ${group}`,
      'autoscaling:DescribeLifecycleHooks',
      (abortSignal) => client.send(command, { abortSignal }),
      signal,
    );
    return hooks.filter(({ LifecycleTransition }) => LifecycleTransition === 'autoscaling:EC2_INSTANCE_TERMINATING');
  };
  return {
    async instanceState(instanceId, signal) {
      const command = new sdk.DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] });
      const { AutoScalingInstances: [instance] = [] } = await awsCall(
        `describe the Auto Scaling instance ${instanceId}`,
        'autoscaling:DescribeAutoScalingInstances',
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
      );
      if (instance?.AutoScalingGroupName === undefined || instance.LifecycleState === undefined) return undefined;
      return { group: instance.AutoScalingGroupName, lifecycleState: instance.LifecycleState };
    },
    async groupCapacity(group, signal) {
      const described = await describeGroup(group, signal);
      const inService = (described?.Instances ?? []).filter(({ LifecycleState }) => LifecycleState === 'InService');
      return {
        desired: described?.DesiredCapacity ?? 0,
        inService: inService.map(({ InstanceId }) => InstanceId).filter((id) => id !== undefined),
      };
    },
    async retainsAbandoned(group, signal) {
      const described = await describeGroup(group, signal);
      return described?.InstanceLifecyclePolicy?.RetentionTriggers?.TerminateHookAbandon === 'retain';
    },
    async terminate(instanceId, signal) {
      // A retained instance does not count towards the desired capacity, so there is nothing to decrement.
      // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RetentionTriggers.html
      const command = new sdk.TerminateInstanceInAutoScalingGroupCommand({
        InstanceId: instanceId,
        ShouldDecrementDesiredCapacity: false,
      });
      await awsCall(
        `terminate the retained instance ${instanceId}`,
        'autoscaling:TerminateInstanceInAutoScalingGroup (parameter FinishRetained of drainer.yaml)',
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
      );
    },
    async terminationStartedAt(group, instanceId, signal) {
      // Activities in progress are listed first, so the first page has the one of this termination.
      // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
      const command = new sdk.DescribeScalingActivitiesCommand({
        AutoScalingGroupName: group,
        MaxRecords: MAX_RECORDS,
      });
      const { Activities = [] } = await awsCall(
        `describe the scaling activities of ${group}`,
        'autoscaling:DescribeScalingActivities',
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
      );
      const activities = Activities.map(({ Description, StatusCode, StartTime }) => ({
        description: Description,
        status: StatusCode,
        startedAt: StartTime?.getTime(),
      }));
      return terminationStart(activities, instanceId);
    },
    async hasTerminatingHook(group, hook, signal) {
      const hooks = await describeTerminatingHooks(group, hook, signal);
      return hooks.length > 0;
    },
    async terminatingHooks(group, instanceId, known, signal) {
      const hooks = await describeTerminatingHooks(group, known.hook, signal);
      // A token belongs to the action of one hook. With several hooks, it is unknown which one.
      const token = hooks.length === 1 ? known.token : undefined;
      return hooks.map((hook) => {
        const { LifecycleHookName: name, HeartbeatTimeout: heartbeatTimeoutSeconds } = hook;
        if (name === undefined || heartbeatTimeoutSeconds === undefined) {
          throw new Failure(`Auto Scaling described a lifecycle hook of ${group} without name or heartbeat timeout`);
        }
        return hookOf(sdk, client, warn, {
          name,
          group,
          instanceId,
          token,
          heartbeatTimeoutSeconds,
          globalTimeoutSeconds:
            hook.GlobalTimeout ??
            Math.min(MAX_GLOBAL_TIMEOUT_SECONDS, MAX_HEARTBEAT_TIMEOUTS * heartbeatTimeoutSeconds),
        });
      });
    },
  };
}

/** One activity of an Auto Scaling group. https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html */
export type ScalingActivity = {
  /** For people: `Terminating EC2 instance: i-…`, sometimes followed by ` - Waiting For …`. */
  readonly description: string | undefined;
  /** `MidTerminatingLifecycleAction` while a hook is pending. No documentation and no type of the SDK lists it. */
  readonly status: string | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number | undefined;
};

/** An activity with any other status is in progress. New statuses may be added. */
const FINISHED_STATUSES = ['Successful', 'Failed', 'Cancelled'];

/**
 * When the termination of the instance that is in progress started, in milliseconds since the epoch; undefined: none is.
 * The lifecycle action started at the same time or later: load balancers deregister the instance first.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html
 * Of several activities the earliest counts: an end that is expected too early evicts pods a little sooner than necessary,
 * an end that is expected too late loses them.
 */
export function terminationStart(activities: readonly ScalingActivity[], instanceId: string): number | undefined {
  const starts = activities
    .filter(
      ({ description, status }) =>
        terminatedInstance(description) === instanceId && !FINISHED_STATUSES.includes(status ?? ''),
    )
    .map(({ startedAt }) => startedAt)
    .filter((startedAt) => startedAt !== undefined);
  return starts.length === 0 ? undefined : Math.min(...starts);
}

function terminatedInstance(description: string | undefined): string | undefined {
  return description?.match(/^Terminating EC2 instance: (i-[0-9a-f]+)/)?.[1];
}
