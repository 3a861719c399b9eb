import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import type { GroupCapacity } from '../await-capacity.ts';
import type { KnownAction } from '../config.ts';
import { Failure } from '../failure.ts';
import type { Hook } from '../lifecycle.ts';
import type { InstanceState } from '../lifecycle-action.ts';
import { awsCall, clientSettings, errorName } from './call.ts';

/** The Auto Scaling service, as far as the drainer needs it. */
export type AutoScaling = {
  /** Which group the instance is in, and in which state; undefined: in none. */
  instanceState(instanceId: string, signal: AbortSignal): Promise<InstanceState | undefined>;
  groupCapacity(group: string, signal: AbortSignal): Promise<GroupCapacity>;
  terminatingHooks(group: string, instanceId: string, known: KnownAction, signal: AbortSignal): Promise<Hook[]>;
};

/** The SDK's client is loaded and made only now: a drain without AWS never pays for it. */
export async function autoScaling(region: string): Promise<AutoScaling> {
  const { AutoScalingClient, DescribeAutoScalingInstancesCommand, DescribeLifecycleHooksCommand } = await import(
    './sdk.ts'
  );
  const client = new AutoScalingClient(clientSettings(region));
  return {
    async instanceState(instanceId, signal) {
      const command = new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] });
      const { AutoScalingInstances: [instance] = [] } = await awsCall(
        `describe the Auto Scaling instance ${instanceId}`,
        'autoscaling:DescribeAutoScalingInstances',
        () => client.send(command, { abortSignal: signal }),
        signal,
      );
      if (instance?.AutoScalingGroupName === undefined || instance.LifecycleState === undefined) return undefined;
      return { group: instance.AutoScalingGroupName, lifecycleState: instance.LifecycleState };
    },
    async groupCapacity(group, signal) {
      const { DescribeAutoScalingGroupsCommand } = await import('./sdk.ts');
      const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] });
      const { AutoScalingGroups: [described] = [] } = await awsCall(
        `describe the Auto Scaling group ${group}`,
        'autoscaling:DescribeAutoScalingGroups',
        () => client.send(command, { abortSignal: signal }),
        signal,
      );
      const inService = (described?.Instances ?? []).filter(({ LifecycleState }) => LifecycleState === 'InService');
      return {
        desired: described?.DesiredCapacity ?? 0,
        inService: inService.map(({ InstanceId }) => InstanceId).filter((id) => id !== undefined),
      };
    },
    async terminatingHooks(group, instanceId, known, signal) {
      const command = new DescribeLifecycleHooksCommand({
        AutoScalingGroupName: group,
        ...(known.hook !== undefined && { LifecycleHookNames: [known.hook] }),
      });
      const { LifecycleHooks: hooks = [] } = await awsCall(
        `describe the lifecycle hooks of ${group}`,
        'autoscaling:DescribeLifecycleHooks',
        () => client.send(command, { abortSignal: signal }),
        signal,
      );
      const terminating = hooks.filter(
        ({ LifecycleTransition }) => LifecycleTransition === 'autoscaling:EC2_INSTANCE_TERMINATING',
      );
      // A token belongs to the action of one hook; of several, nobody said which.
      const token = terminating.length === 1 ? known.token : undefined;
      return terminating.map((hook) => {
        if (hook.LifecycleHookName === undefined || hook.HeartbeatTimeout === undefined) {
          throw new Failure(`Auto Scaling described a hook of ${group} without name or heartbeat timeout`);
        }
        return hookOf(client, {
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
function hookOf(client: AutoScalingClient, identity: HookIdentity): Hook {
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
    async beat(signal) {
      const { RecordLifecycleActionHeartbeatCommand } = await import('./sdk.ts');
      return whetherActive(() =>
        awsCall(
          `send a heartbeat for hook ${name} of ${group}`,
          'autoscaling:RecordLifecycleActionHeartbeat',
          () => client.send(new RecordLifecycleActionHeartbeatCommand(action), { abortSignal: signal }),
          signal,
        ),
      );
    },
    async complete(result, signal) {
      const { CompleteLifecycleActionCommand } = await import('./sdk.ts');
      return whetherActive(() =>
        awsCall(
          `complete hook ${name} of ${group} with ${result}`,
          'autoscaling:CompleteLifecycleAction',
          () =>
            client.send(new CompleteLifecycleActionCommand({ ...action, LifecycleActionResult: result }), {
              abortSignal: signal,
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
