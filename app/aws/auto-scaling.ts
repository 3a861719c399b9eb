import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { Failure } from '../lib/errors.ts';
import type { InstanceState, KnownAction } from '../lifecycle/action.ts';
import type { Hook } from '../lifecycle/heartbeat.ts';
import type { GroupCapacity } from '../run/capacity.ts';
import type { WaitingInstance } from '../sweep.ts';
import { awsCall, clientSettings, errorName } from './call.ts';

/** The Auto Scaling service, as far as the drainer needs it. */
export type AutoScaling = {
  /** Which group the instance is in, and in which state; undefined: in none. */
  instanceState(instanceId: string, signal: AbortSignal): Promise<InstanceState | undefined>;
  groupCapacity(group: string, signal: AbortSignal): Promise<GroupCapacity>;
  /** When the instance's termination began that is under way, in milliseconds since the epoch; undefined: none is seen. */
  terminationStartedAt(group: string, instanceId: string, signal: AbortSignal): Promise<number | undefined>;
  /** Has the group a terminating hook of this name? */
  hasTerminatingHook(group: string, hook: string, signal: AbortSignal): Promise<boolean>;
  terminatingHooks(group: string, instanceId: string, known: KnownAction, signal: AbortSignal): Promise<Hook[]>;
};

/** The SDK's client is loaded and made only now: a drain without AWS never pays for it. */
export async function autoScaling(region: string): Promise<AutoScaling> {
  const sdk = await import('./sdk.ts');
  const client = new sdk.AutoScalingClient(clientSettings(region));
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
      const command = new sdk.DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] });
      const { AutoScalingGroups: [described] = [] } = await awsCall(
        `describe the Auto Scaling group ${group}`,
        'autoscaling:DescribeAutoScalingGroups',
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
      );
      const inService = (described?.Instances ?? []).filter(({ LifecycleState }) => LifecycleState === 'InService');
      return {
        desired: described?.DesiredCapacity ?? 0,
        inService: inService.map(({ InstanceId }) => InstanceId).filter((id) => id !== undefined),
      };
    },
    async terminationStartedAt(group, instanceId, signal) {
      // Those under way come first, so the first page has it.
      // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
      const command = new sdk.DescribeScalingActivitiesCommand({ AutoScalingGroupName: group, MaxRecords: 100 });
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
      // A token belongs to the action of one hook; of several, nobody said which.
      const token = hooks.length === 1 ? known.token : undefined;
      return hooks.map((hook) => {
        if (hook.LifecycleHookName === undefined || hook.HeartbeatTimeout === undefined) {
          throw new Failure(`Auto Scaling described a hook of ${group} without name or heartbeat timeout`);
        }
        return hookOf(sdk, client, {
          name: hook.LifecycleHookName,
          group,
          instanceId,
          token,
          heartbeatTimeoutSeconds: hook.HeartbeatTimeout,
          globalTimeoutSeconds: hook.GlobalTimeout ?? Math.min(172_800, 100 * hook.HeartbeatTimeout),
        });
      });
    },
  };
}

type HookIdentity = {
  readonly name: string;
  readonly group: string;
  readonly instanceId: string;
  readonly token: string | undefined;
  readonly heartbeatTimeoutSeconds: number;
  readonly globalTimeoutSeconds: number;
};

/** One lifecycle action of one hook, kept alive and completed by its token where the event gave one. */
function hookOf(sdk: typeof import('./sdk.ts'), client: AutoScalingClient, identity: HookIdentity): Hook {
  const { name, group, instanceId, token } = identity;
  const action = {
    AutoScalingGroupName: group,
    LifecycleHookName: name,
    InstanceId: instanceId,
    ...(token !== undefined && { LifecycleActionToken: token }),
  };
  return {
    name,
    heartbeatTimeoutSeconds: identity.heartbeatTimeoutSeconds,
    globalTimeoutSeconds: identity.globalTimeoutSeconds,
    async heartbeat(signal) {
      return whetherActive(() =>
        awsCall(
          `send a heartbeat for hook ${name} of ${group}`,
          'autoscaling:RecordLifecycleActionHeartbeat',
          (abortSignal) => client.send(new sdk.RecordLifecycleActionHeartbeatCommand(action), { abortSignal }),
          signal,
        ),
      );
    },
    async complete(result, signal) {
      return whetherActive(() =>
        awsCall(
          `complete hook ${name} of ${group} with ${result}`,
          'autoscaling:CompleteLifecycleAction',
          (abortSignal) =>
            client.send(new sdk.CompleteLifecycleActionCommand({ ...action, LifecycleActionResult: result }), {
              abortSignal,
            }),
          signal,
        ),
      );
    },
  };
}

/** "No active Lifecycle Action found" is an answer: the action is over, by its timeout or by somebody else's word. */
async function whetherActive(call: () => Promise<unknown>): Promise<'active' | 'ended'> {
  try {
    await call();
    return 'active';
  } catch (error) {
    const cause = error instanceof Failure ? error.cause : error;
    if (errorName(cause) === 'ValidationError' && /No active Lifecycle Action found/i.test(String(cause)))
      return 'ended';
    throw error;
  }
}

/** Most groups that DescribeAutoScalingGroups gives at once. */
const PAGE = 100;

export type WaitingInstances = { readonly groups: number; readonly instances: readonly WaitingInstance[] };

/**
 * The instances of all groups that wait in a terminating hook: one call for a hundred groups, however many instances they have.
 * @throws Failure when Auto Scaling fails, or denies it
 */
export async function findWaitingInstances(
  region: string,
  groupPrefix: string,
  signal: AbortSignal,
): Promise<WaitingInstances> {
  const { AutoScalingClient, DescribeAutoScalingGroupsCommand } = await import('./sdk.ts');
  const client = new AutoScalingClient(clientSettings(region));
  const instances: WaitingInstance[] = [];
  let groups = 0;
  let next: string | undefined;
  do {
    const token = next;
    const command = new DescribeAutoScalingGroupsCommand({
      MaxRecords: PAGE,
      ...(token !== undefined && { NextToken: token }),
    });
    const page = await awsCall(
      `describe the Auto Scaling groups of ${region}`,
      'autoscaling:DescribeAutoScalingGroups',
      (abortSignal) => client.send(command, { abortSignal }),
      signal,
    );
    for (const { AutoScalingGroupName: group = '', Instances = [] } of page.AutoScalingGroups ?? []) {
      if (!group.startsWith(groupPrefix)) continue;
      groups++;
      for (const { InstanceId: instanceId, LifecycleState } of Instances) {
        if (instanceId !== undefined && LifecycleState === 'Terminating:Wait') instances.push({ instanceId, group });
      }
    }
    next = page.NextToken;
  } while (next !== undefined);
  return { groups, instances };
}

/** One activity of an Auto Scaling group. https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html */
export type ScalingActivity = {
  /** For people: `Terminating EC2 instance: i-…`, sometimes with ` - Waiting For …` after it. */
  readonly description: string | undefined;
  /** `MidTerminatingLifecycleAction` while a hook is waited for, which no document and no type of the SDK lists. */
  readonly status: string | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number | undefined;
};

/** Every other status is one of an activity under way, those that AWS will think of included. */
const OVER = ['Successful', 'Failed', 'Cancelled'];

/**
 * When the termination of the instance began that is under way, in milliseconds since the epoch; undefined: none is.
 * That is not after the lifecycle action began. It may be before, because load balancers let go of the instance first:
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html
 * An end that is believed to come too soon costs pods some patience, one that is believed to come too late costs the pods.
 * For the same reason, the earliest of several is taken.
 */
export function terminationStart(activities: readonly ScalingActivity[], instanceId: string): number | undefined {
  const began = activities
    .filter(({ description, status }) => instanceOf(description) === instanceId && !OVER.includes(status ?? ''))
    .map(({ startedAt }) => startedAt)
    .filter((startedAt) => startedAt !== undefined);
  return began.length === 0 ? undefined : Math.min(...began);
}

/** The instance that an activity terminates. */
function instanceOf(description: string | undefined): string | undefined {
  return description?.match(/^Terminating EC2 instance: (i-[0-9a-f]+)/)?.[1];
}
