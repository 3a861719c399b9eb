import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { Form } from '../protocol/form.ts';
import { pageOf } from '../protocol/page.ts';
import type { XmlValue } from '../protocol/xml.ts';
import type { Fleet } from './fleet.ts';
import type { AutoScalingGroup } from './group.ts';
import type { Instance } from './instance.ts';
import { globalTimeout } from './lifecycle.ts';
import { integer, required, validationError } from './parameters.ts';

function paginate<T>(form: Form, items: readonly T[], max: number): { items: T[]; NextToken: string | undefined } {
  const page = pageOf(items, integer(form, 'MaxRecords', 50, 1, max), form.get('NextToken'));
  if (!page) throw new ServiceError('InvalidNextToken', 'The NextToken value is not valid.');
  return { items: page.items, NextToken: page.nextToken };
}

function instanceXml(fleet: Fleet, context: Context, instance: Instance): { readonly [name: string]: XmlValue } {
  return {
    InstanceId: instance.instanceId,
    InstanceType: 'm7g.large',
    AvailabilityZone: `${context.region}a`,
    LifecycleState: fleet.stateOf(instance),
    ProtectedFromScaleIn: false,
  };
}

function matchesFilter(group: AutoScalingGroup, name: string, values: readonly string[]): boolean {
  if (name === 'tag-key') return values.some((value) => Object.hasOwn(group.tags, value));
  if (name === 'tag-value') return Object.values(group.tags).some((value) => values.includes(value));
  if (name.startsWith('tag:')) return values.includes(group.tags[name.slice('tag:'.length)] ?? '\0');
  throw validationError(`The filter name '${name}' is not valid`);
}

/** The instances of a warm pool are those of DescribeWarmPool, and no instances of the group. */
function isWarm(fleet: Fleet, instance: Instance): boolean {
  return fleet.stateOf(instance).startsWith('Warmed:');
}

function policiesXml({ terminateHookAbandon, warmPoolState }: AutoScalingGroup): { readonly [name: string]: XmlValue } {
  return {
    InstanceLifecyclePolicy:
      terminateHookAbandon === undefined
        ? undefined
        : { RetentionTriggers: { TerminateHookAbandon: terminateHookAbandon } },
    WarmPoolConfiguration:
      warmPoolState === undefined
        ? undefined
        : { MinSize: 0, PoolState: warmPoolState, InstanceReusePolicy: { ReuseOnScaleIn: true } },
  };
}

/** @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingGroups.html */
export function describeGroups(form: Form, fleet: Fleet, context: Context): XmlValue {
  const names = new Set(form.list('AutoScalingGroupNames.member'));
  const filters = form.forms('Filters.member').map((filter) => ({
    name: required(filter, 'Name'),
    values: filter.list('Values.member'),
  }));
  const found = fleet
    .groups()
    .filter(({ name }) => names.size === 0 || names.has(name))
    .filter((group) => filters.every(({ name, values }) => matchesFilter(group, name, values)));
  const { items, NextToken } = paginate(form, found, 100);
  const withInstances = form.get('IncludeInstances') !== 'false';
  const AutoScalingGroups = items.map((group) => ({
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    MinSize: 0,
    MaxSize: Math.max(1, group.desiredCapacity),
    DesiredCapacity: group.desiredCapacity,
    DefaultCooldown: 300,
    AvailabilityZones: [`${context.region}a`],
    HealthCheckType: 'EC2',
    HealthCheckGracePeriod: 0,
    Instances: withInstances
      ? fleet
          .members(group.name)
          .filter((one) => !isWarm(fleet, one))
          .map((one) => ({ ...instanceXml(fleet, context, one), HealthStatus: 'Healthy' }))
      : [],
    CreatedTime: new Date(group.createdTime).toISOString(),
    Tags: Object.entries(group.tags).map(([Key, Value]) => ({
      ResourceId: group.name,
      ResourceType: 'auto-scaling-group',
      Key,
      Value,
      PropagateAtLaunch: true,
    })),
    TerminationPolicies: ['Default'],
    ...policiesXml(group),
  }));
  return { AutoScalingGroups, NextToken };
}

/**
 * The instances of all groups, and of their warm pools.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingInstances.html
 */
export function describeInstances(form: Form, fleet: Fleet, context: Context): XmlValue {
  const ids = new Set(form.list('InstanceIds.member'));
  const found = fleet.members().filter(({ instanceId }) => ids.size === 0 || ids.has(instanceId));
  const { items, NextToken } = paginate(form, found, 50);
  const AutoScalingInstances = items.map((instance) => ({
    ...instanceXml(fleet, context, instance),
    AutoScalingGroupName: instance.autoScalingGroupName,
    HealthStatus: 'HEALTHY',
  }));
  return { AutoScalingInstances, NextToken };
}

/** @see https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeLifecycleHooks.html */
export function describeHooks(form: Form, fleet: Fleet): XmlValue {
  const group = fleet.group(required(form, 'AutoScalingGroupName'));
  const names = form.list('LifecycleHookNames.member');
  const hooks = [...group.hooks.values()].filter((one) => names.length === 0 || names.includes(one.lifecycleHookName));
  const LifecycleHooks = hooks.map((hook) => ({
    LifecycleHookName: hook.lifecycleHookName,
    AutoScalingGroupName: hook.autoScalingGroupName,
    LifecycleTransition: hook.transition,
    NotificationMetadata: hook.notificationMetadata,
    HeartbeatTimeout: hook.heartbeatTimeout,
    GlobalTimeout: globalTimeout(hook.heartbeatTimeout),
    DefaultResult: hook.defaultResult,
  }));
  return { LifecycleHooks };
}
