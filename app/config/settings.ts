import * as v from 'valibot';
import { choice, list, seconds, text, time, url } from './setting-kinds.ts';

/** A lifecycle action lives 48 hours at the most, so no wait of ours need be longer. */
const MAX_ACTION_SECONDS = 172_800;

/** How often a drain may be handed over from task to task. */
export const MAX_GENERATIONS = 20;

/**
 * Every setting: read from the environment, or from the flag of the same name (INSTANCE_ID is --instance-id), which wins.
 * The help text, the README's table and the validation all come from here.
 */
export const Settings = v.object({
  INSTANCE_ID: v.optional(
    text(
      'EC2 instance whose node is drained',
      /^i-([0-9a-f]{8}|[0-9a-f]{17})$/,
      'an EC2 instance ID: i- and 8 or 17 hex digits',
    ),
  ),
  AUTO_SCALING_GROUP_NAME: v.optional(
    text('group of the instance; found when absent', /^[^:\p{Cc}]{1,255}$/u, 'the name of an Auto Scaling group'),
  ),
  LIFECYCLE_HOOK_NAME: v.optional(
    text(
      'hook to keep alive and complete; every pending terminating hook when absent',
      /^[A-Za-z0-9\-_/]{1,255}$/,
      'the name of a lifecycle hook: letters, digits, - _ /',
    ),
  ),
  LIFECYCLE_ACTION_TOKEN: v.optional(
    text('token of the lifecycle action, from its event', /^[0-9a-fA-F-]{36}$/, 'a UUID of 36 characters'),
  ),
  LIFECYCLE_DESTINATION: v.optional(
    choice('where the instance is going, from the event', ['EC2', 'AutoScalingGroup', 'WarmPool']),
  ),
  LIFECYCLE_ACTION_TIME: v.optional(
    time('when the lifecycle action began, from its event; Auto Scaling is asked when absent'),
  ),
  DRAIN_TIME: v.optional(time('when the first task of this drain began it; now when absent')),
  CLUSTER_NAME: v.optional(
    text('name of the EKS cluster', /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/, 'the name of an EKS cluster'),
  ),
  KUBE_CONFIG_BUCKET: v.optional(
    text(
      'S3 bucket of the kubeconfig of any other cluster; wins over CLUSTER_NAME',
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      'the name of an S3 bucket',
    ),
  ),
  KUBE_CONFIG_OBJECT: v.optional(
    text('key of that kubeconfig in the bucket', /^[^\p{Cc}]{1,1024}$/u, 'the key of an S3 object'),
  ),
  AWS_REGION: v.optional(
    text('region of the instance, the hook and the EKS cluster', /^[a-z]{2,}(-[a-z]+)+-\d+$/, 'an AWS region'),
  ),
  AWS_ENDPOINT_URL: v.optional(
    url('endpoint of every AWS call; AWS_ENDPOINT_URL_EC2 and the like for that of one service'),
  ),
  CONNECT_TIMEOUT_SECONDS: v.optional(seconds('how long reaching the cluster is retried', 1, 3_600), '120'),
  LOAD_BALANCER_EXCLUSION: v.optional(
    choice('label the node so that load balancers stop sending to it', ['on', 'off']),
    'on',
  ),
  MISSING_NODE: v.optional(
    choice('the hook when no node of the cluster is the instance', ['continue', 'abandon']),
    'continue',
  ),
  ON_FAILURE: v.optional(choice('the hook when the drain fails for good', ['leave', 'abandon', 'continue']), 'leave'),
  VOLUME_DETACH_TIMEOUT_SECONDS: v.optional(
    seconds('how long the volumes of drained pods may take to be detached; 0: not waited for', 0, MAX_ACTION_SECONDS),
    '300',
  ),
  DRAIN_DAEMONSETS: v.optional(
    choice('end the pods of DaemonSets too, after all others; a taint keeps them from coming back', ['true', 'false']),
    'false',
  ),
  DO_NOT_DISRUPT_SECONDS: v.optional(
    seconds(
      'how long pods that ask not to be disrupted are left to finish; 0: evicted like the others',
      0,
      MAX_ACTION_SECONDS,
    ),
    '0',
  ),
  WAIT_FOR_CAPACITY: v.optional(
    choice('before anything is evicted, wait until the group has as many ready nodes as it wants', ['on', 'off']),
    'off',
  ),
  WAIT_FOR_CAPACITY_SECONDS: v.optional(seconds('how long at the most', 1, MAX_ACTION_SECONDS), '600'),
  LAST_RESORT_SECONDS: v.optional(
    seconds('this long before the lifecycle action ends, all that is left is asked at once', 0, MAX_ACTION_SECONDS),
    '120',
  ),
  DRAIN_DEADLINE_SECONDS: v.optional(seconds('cap on the drain; none when absent', 1, MAX_ACTION_SECONDS)),
  ON_DEADLINE: v.optional(
    choice('at that cap: complete the hook, or delete what is left with its own grace period and go on', [
      'continue',
      'abandon',
      'force',
    ]),
    'continue',
  ),
  ECS_CLUSTER: v.optional(
    text(
      'ECS cluster in which tasks are started: successors on SIGTERM, and by sweep',
      /^[A-Za-z0-9_:/-]{1,255}$/,
      'the name or ARN of an ECS cluster',
    ),
  ),
  TASK_DEFINITION: v.optional(
    text(
      'their task definition, best without a revision',
      /^[A-Za-z0-9_:/-]{1,255}$/,
      'the family or ARN of a task definition',
    ),
  ),
  SUBNET_IDS: v.optional(list('their subnets', /^subnet-[0-9a-f]{8,17}$/, 'IDs of subnets')),
  SECURITY_GROUP_IDS: v.optional(list('their security groups', /^sg-[0-9a-f]{8,17}$/, 'IDs of security groups')),
  ASSIGN_PUBLIC_IP: v.optional(choice('whether they get a public address', ['ENABLED', 'DISABLED']), 'DISABLED'),
  GENERATION: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,2}$/, 'must be a whole number'),
      v.transform(Number),
      v.maxValue(MAX_GENERATIONS, `must be at most ${MAX_GENERATIONS}`),
      v.description('how often this drain was handed over to another task already'),
    ),
    '0',
  ),
  AUTO_SCALING_GROUP_PREFIX: v.optional(
    text(
      'only groups whose names start like this; every group when absent',
      /^[^:\p{Cc}]{1,255}$/u,
      'the start of the name of an Auto Scaling group',
    ),
  ),
  SCHEDULED_TIME: v.optional(
    time('for when this sweep was scheduled: one that is started twice starts no task twice; now when absent'),
  ),
  SWEEP_GRACE_SECONDS: v.optional(
    seconds('how long an instance without a task is left to its event, which may be on its way', 0, 600),
    '20',
  ),
});

/** Settings that say where the ECS tasks of this drainer run. */
export const PLACEMENT_SETTINGS = ['ECS_CLUSTER', 'TASK_DEFINITION', 'SUBNET_IDS', 'SECURITY_GROUP_IDS'] as const;

const SWEEP_ONLY = ['AUTO_SCALING_GROUP_PREFIX', 'SCHEDULED_TIME', 'SWEEP_GRACE_SECONDS'] as const;

/** The settings that `sweep` reads. */
export const SWEEP_SETTINGS: readonly SettingName[] = [
  'LIFECYCLE_HOOK_NAME',
  'CLUSTER_NAME',
  'KUBE_CONFIG_BUCKET',
  'KUBE_CONFIG_OBJECT',
  'AWS_REGION',
  'AWS_ENDPOINT_URL',
  ...PLACEMENT_SETTINGS,
  'ASSIGN_PUBLIC_IP',
  ...SWEEP_ONLY,
];

export type SettingName = keyof typeof Settings.entries;
export const settingNames = Object.keys(Settings.entries) as SettingName[];

/** The settings that `drain` reads. */
export const DRAIN_SETTINGS: readonly SettingName[] = settingNames.filter(
  (name) => !SWEEP_ONLY.some((other) => other === name),
);

/** `INSTANCE_ID` → `instance-id` */
export function flagOf(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** Settings as rows of a table: name, flag, default (empty when there is none), meaning. */
export function settingRows(
  names: readonly SettingName[] = settingNames,
): { name: string; flag: string; defaultValue: string; description: string }[] {
  return names.map((name) => ({
    name,
    flag: `--${flagOf(name)}`,
    defaultValue: String(v.getDefault(Settings.entries[name]) ?? ''),
    description: v.getDescription(Settings.entries[name].wrapped) ?? '',
  }));
}
