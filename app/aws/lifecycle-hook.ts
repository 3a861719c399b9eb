import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { Failure } from '../lib/errors.ts';
import type { Hook } from '../lifecycle/heartbeat.ts';
import { awsCall, errorName } from './call.ts';

export type HookIdentity = {
  readonly name: string;
  readonly group: string;
  readonly instanceId: string;
  readonly token: string | undefined;
  readonly heartbeatTimeoutSeconds: number;
  readonly globalTimeoutSeconds: number;
};

type LifecycleActionId = {
  readonly AutoScalingGroupName: string;
  readonly LifecycleHookName: string;
  readonly InstanceId: string;
  readonly LifecycleActionToken?: string | undefined;
};

/**
 * The lifecycle action of one hook, identified by its token if the event had one, otherwise by the instance ID. An event that
 * is late, or wrong, has the token of another action: when the first call finds no action with the token, the instance ID is
 * used instead.
 */
export function hookOf(
  sdk: typeof import('./sdk.ts'),
  client: AutoScalingClient,
  warn: (message: string) => void,
  identity: HookIdentity,
): Hook {
  const { name, group, instanceId, heartbeatTimeoutSeconds, globalTimeoutSeconds } = identity;
  const action = { AutoScalingGroupName: group, LifecycleHookName: name, InstanceId: instanceId };
  let token = identity.token;
  let isConfirmed = token === undefined;
  const call = async (send: (action: LifecycleActionId) => Promise<unknown>): Promise<'active' | 'ended'> => {
    const answer = await activeOrEnded(() => send({ ...action, LifecycleActionToken: token }));
    if (answer === 'active' || isConfirmed) {
      isConfirmed = true;
      return answer;
    }
    const byInstance = await activeOrEnded(() => send(action));
    if (byInstance === 'ended') return 'ended';
    warn(`hook ${name}: no active lifecycle action has the token of the event; using the action of ${instanceId}`);
    token = undefined;
    isConfirmed = true;
    return 'active';
  };
  return {
    name,
    heartbeatTimeoutSeconds,
    globalTimeoutSeconds,
    heartbeat: (signal) =>
      call((action) =>
        awsCall(
          `send a heartbeat for hook ${name} of ${group}`,
          'autoscaling:RecordLifecycleActionHeartbeat',
          (abortSignal) => client.send(new sdk.RecordLifecycleActionHeartbeatCommand(action), { abortSignal }),
          signal,
        ),
      ),
    complete: (result, signal) =>
      call((action) =>
        awsCall(
          `complete hook ${name} of ${group} with ${result}`,
          'autoscaling:CompleteLifecycleAction',
          (abortSignal) =>
            client.send(new sdk.CompleteLifecycleActionCommand({ ...action, LifecycleActionResult: result }), {
              abortSignal,
            }),
          signal,
        ),
      ),
  };
}

/** The error "No active Lifecycle Action found" is an answer: the action timed out, or was completed elsewhere. */
async function activeOrEnded(call: () => Promise<unknown>): Promise<'active' | 'ended'> {
  try {
    await call();
    return 'active';
  } catch (error) {
    const cause = error instanceof Failure ? error.cause : error;
    if (errorName(cause) === 'ValidationError' && /No active Lifecycle Action found/i.test(String(cause))) {
      return 'ended';
    }
    throw error;
  }
}
