import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import { Form } from '../protocol/form.ts';
import type { AwsRequest, Operation } from '../protocol/message.ts';
import { autoScalingNamespace, type XmlValue, xmlDocument } from '../protocol/xml.ts';
import { describeGroups, describeHooks, describeInstances } from './describe.ts';
import type { ActionKey, Fleet } from './fleet.ts';
import type { LifecycleHook } from './lifecycle.ts';
import { integer, oneOf, required, validationError } from './parameters.ts';
import { describeActivities, startedTermination } from './scaling-activities.ts';

const transitions = ['autoscaling:EC2_INSTANCE_TERMINATING', 'autoscaling:EC2_INSTANCE_LAUNCHING'] as const;
const results = ['CONTINUE', 'ABANDON'] as const;
const retentionActions = ['retain', 'terminate'] as const;

function putHook(form: Form, fleet: Fleet): XmlValue {
  const autoScalingGroupName = required(form, 'AutoScalingGroupName');
  const lifecycleHookName = required(form, 'LifecycleHookName');
  // An update keeps the values that it omits.
  const existing: LifecycleHook | undefined = fleet.group(autoScalingGroupName).hooks.get(lifecycleHookName);
  const notificationMetadata = form.get('NotificationMetadata') ?? existing?.notificationMetadata;
  fleet.putHook({
    autoScalingGroupName,
    lifecycleHookName,
    transition: oneOf(form, 'LifecycleTransition', transitions, existing?.transition),
    heartbeatTimeout: integer(form, 'HeartbeatTimeout', existing?.heartbeatTimeout ?? 3600, 30, 7200),
    defaultResult: oneOf(form, 'DefaultResult', results, existing?.defaultResult ?? 'ABANDON'),
    ...(notificationMetadata === undefined ? {} : { notificationMetadata }),
  });
  return {};
}

function createGroup(form: Form, fleet: Fleet): XmlValue {
  const tags = form.forms('Tags.member').map((tag) => [required(tag, 'Key'), tag.get('Value') ?? ''] as const);
  const desiredCapacity = form.get('DesiredCapacity') ?? form.get('MinSize') ?? '0';
  const name = required(form, 'AutoScalingGroupName');
  const retention = 'InstanceLifecyclePolicy.RetentionTriggers.TerminateHookAbandon';
  fleet.createGroup({
    ...{ name, tags: Object.fromEntries(tags), desiredCapacity: Number(desiredCapacity) },
    ...(form.get(retention) === undefined ? {} : { terminateHookAbandon: oneOf(form, retention, retentionActions) }),
  });
  return {};
}

function actionKey(form: Form): ActionKey {
  const token = form.get('LifecycleActionToken');
  const instanceId = form.get('InstanceId');
  if (token === undefined && instanceId === undefined) {
    throw validationError('Either LifecycleActionToken or InstanceId must be given');
  }
  return {
    autoScalingGroupName: required(form, 'AutoScalingGroupName'),
    lifecycleHookName: required(form, 'LifecycleHookName'),
    ...(token === undefined ? {} : { token }),
    ...(instanceId === undefined ? {} : { instanceId }),
  };
}

function recordHeartbeat(form: Form, fleet: Fleet): XmlValue {
  fleet.recordHeartbeat(actionKey(form));
  return {};
}

function completeAction(form: Form, fleet: Fleet): XmlValue {
  fleet.complete(actionKey(form), oneOf(form, 'LifecycleActionResult', results));
  return {};
}

function terminateInstance(form: Form, fleet: Fleet, context: Context): XmlValue {
  const instanceId = required(form, 'InstanceId');
  const decrement = required(form, 'ShouldDecrementDesiredCapacity') === 'true';
  const known = fleet.instance(instanceId);
  if (known?.autoScalingGroupName === undefined) {
    throw validationError(`Instance Id not found - No managed instance found for instance ID: ${instanceId}`);
  }
  // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
  const state = fleet.stateOf(known);
  if (/^Warmed:(?!.*Retained)/.test(state)) throw validationError(`Instance ${instanceId} is in ${state}, a warm pool`);
  fleet.terminate(instanceId, { decrement });
  const instance = fleet.instance(instanceId);
  return { Activity: instance && startedTermination(instance, fleet, context) };
}

const operations = new Map<string, (form: Form, fleet: Fleet, context: Context) => XmlValue>([
  ['DescribeAutoScalingGroups', describeGroups],
  ['DescribeAutoScalingInstances', describeInstances],
  ['DescribeLifecycleHooks', describeHooks],
  ['DescribeScalingActivities', describeActivities],
  ['PutLifecycleHook', putHook],
  ['CreateAutoScalingGroup', createGroup],
  ['RecordLifecycleActionHeartbeat', recordHeartbeat],
  ['CompleteLifecycleAction', completeAction],
  ['TerminateInstanceInAutoScalingGroup', terminateInstance],
]);

/**
 * Amazon EC2 Auto Scaling.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Operations.html
 */
export function autoScaling(fleet: Fleet, context: Context): (request: AwsRequest) => Operation {
  return (request) => {
    const form = Form.of(request);
    const name = form.get('Action') ?? 'unknown';
    return {
      action: `autoscaling:${name}`,
      parameters: form.entries(),
      run: () => {
        const operation = operations.get(name);
        if (!operation) throw new ServiceError('InvalidAction', `Could not find operation ${name}`);
        const RequestId = randomUUID();
        const result = operation(form, fleet, context);
        const value = { [`${name}Result`]: result, ResponseMetadata: { RequestId } };
        return {
          status: 200,
          headers: { 'content-type': 'text/xml', 'x-amzn-requestid': RequestId },
          body: xmlDocument(`${name}Response`, autoScalingNamespace, value),
        };
      },
    };
  };
}
