import * as v from 'valibot';
import { DrainBehaviour } from './drain-behaviour.ts';
import { anyTime, choice, count, list, onOff, seconds, text, time, url } from './setting-kinds.ts';

/** How many times a drain may be handed over to another task. */
export const MAX_GENERATIONS = 20;

/** Why a node is drained. All but a termination are announced by EC2, and have no lifecycle action. */
export const REASONS = [
  'termination',
  'spot-interruption',
  'rebalance-recommendation',
  'scheduled-change',
  'instance-stopped',
] as const;

/**
 * Every setting. Each is read from the environment, or from the flag of the same name (INSTANCE_ID is --instance-id), which
 * takes precedence. The validation, the help text and the table in docs/configuration.md all come from here.
 */
export const Settings = v.object({
  INSTANCE_ID: v.optional(
    text(
      'EC2 instance whose node is drained',
      'i-…',
      /^i-([0-9a-f]{8}|[0-9a-f]{17})$/,
      'an EC2 instance ID: i- and 8 or 17 hex digits',
    ),
  ),
  AUTO_SCALING_GROUP_NAME: v.optional(
    text(
      'Auto Scaling group of the instance; if unset, looked up',
      'NAME',
      /^[^:\p{Cc}]{1,255}$/u,
      'the name of an Auto Scaling group',
    ),
  ),
  LIFECYCLE_HOOK_NAME: v.optional(
    text(
      'terminating lifecycle hook to send heartbeats for and to complete; if unset, every terminating hook of the group; required by sweep',
      'NAME',
      /^[A-Za-z0-9\-_/]{1,255}$/,
      'the name of a lifecycle hook: letters, digits, - _ /',
    ),
  ),
  LIFECYCLE_ACTION_TOKEN: v.optional(
    text(
      'token of the lifecycle action, from its event; if unset, the action is identified by the instance ID',
      'UUID',
      /^[0-9a-fA-F-]{36}$/,
      'a UUID of 36 characters',
    ),
  ),
  LIFECYCLE_DESTINATION: v.optional(
    choice('where the instance goes after the hook, from the event; if unset, EC2: it is terminated', [
      'EC2',
      'AutoScalingGroup',
      'WarmPool',
    ]),
  ),
  LIFECYCLE_ACTION_TIME: v.optional(
    time('when the lifecycle action started (UTC), from its event; if unset, looked up in Auto Scaling'),
  ),
  REASON: v.optional(
    choice(
      'why the node is drained; for every reason but termination, no lifecycle action has to be pending, and an instance that is not of the cluster is left alone',
      REASONS,
    ),
    'termination',
  ),
  NOTICE_TIME: v.optional(
    time('when EC2 announced the reason (UTC), from its event; a Spot instance ends 120 seconds after it'),
  ),
  ENDS_AT: v.optional(
    anyTime('when the instance ends, even if pods remain (UTC), from the event; if unset, looked up or unknown'),
  ),
  DRAIN_TIME: v.optional(
    time('when the first task of this drain started it (UTC); set for successor tasks; if unset, now'),
  ),
  CLUSTER_NAME: v.optional(
    text(
      'name of the EKS cluster, or of the cluster in the key of its kubeconfig; *: the cluster that the tags of the instance name',
      'NAME|*',
      /^(\*|[0-9A-Za-z][A-Za-z0-9_-]{0,99})$/,
      'the name of an EKS cluster, or *',
    ),
  ),
  KUBE_CONFIG_BUCKET: v.optional(
    text(
      'S3 bucket with the kubeconfig of the cluster, for clusters other than EKS; takes precedence over CLUSTER_NAME',
      'BUCKET',
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      'the name of an S3 bucket',
    ),
  ),
  KUBE_CONFIG_OBJECT: v.optional(
    text(
      'key of the kubeconfig in KUBE_CONFIG_BUCKET; the name of the cluster replaces {cluster}',
      'KEY',
      /^[^\p{Cc}]{1,1024}$/u,
      'the key of an S3 object',
    ),
  ),
  AWS_REGION: v.optional(
    text(
      'AWS region of the instance, its Auto Scaling group, the EKS cluster, the kubeconfig bucket and the ECS tasks',
      'REGION',
      /^[a-z]{2,}(-[a-z]+)+-\d+$/,
      'an AWS region',
    ),
  ),
  AWS_ENDPOINT_URL: v.optional(
    url('endpoint for all AWS calls; AWS_ENDPOINT_URL_EC2 and the like set it for one service; if unset, that of AWS'),
  ),
  CONNECT_TIMEOUT_SECONDS: v.optional(
    seconds(
      'seconds for which each step before the drain is retried: looking up the action, connecting, finding the node',
      1,
      3_600,
    ),
    '120',
  ),
  ...DrainBehaviour,
  ENABLED: v.optional(onOff('off: do nothing and exit with 0, as long as the drainer is paused'), 'on'),
  ONLY_DRAINED: v.optional(
    onOff(
      'on: touch only a node that a drain has marked, and succeed when there is none; set when an instance returns into service',
    ),
    'off',
  ),
  DRAINER_NAME: v.optional(
    text(
      'value of the dimension Drainer of all metrics, such as the name of the stack; if unset, they have no such dimension',
      'NAME',
      /^[\x21-\x7e]{1,255}$/,
      'a name of printable ASCII characters without spaces',
    ),
  ),
  ECS_CLUSTER: v.optional(
    text(
      'ECS cluster in which tasks are started: the successor on SIGTERM, and drains by sweep; if unset, no successor',
      'NAME|ARN',
      /^[A-Za-z0-9_:/-]{1,255}$/,
      'the name or ARN of an ECS cluster',
    ),
  ),
  TASK_DEFINITION: v.optional(
    text(
      'ECS task definition of started tasks; omit the revision to use the latest',
      'FAMILY|ARN',
      /^[A-Za-z0-9_:/-]{1,255}$/,
      'the family or ARN of a task definition',
    ),
  ),
  SUBNET_IDS: v.optional(list('subnets of started tasks', 'subnet-…,…', /^subnet-[0-9a-f]{8,17}$/, 'IDs of subnets')),
  SECURITY_GROUP_IDS: v.optional(
    list('security groups of started tasks', 'sg-…,…', /^sg-[0-9a-f]{8,17}$/, 'IDs of security groups'),
  ),
  ASSIGN_PUBLIC_IP: v.optional(
    choice('whether started tasks get a public IP address', ['ENABLED', 'DISABLED']),
    'DISABLED',
  ),
  GENERATION: v.optional(
    count('how many times this drain has been handed over; set for successor tasks', MAX_GENERATIONS),
    '0',
  ),
  AUTO_SCALING_GROUP_PREFIX: v.optional(
    text(
      'sweep only groups whose names start with this; if unset, every group',
      'PREFIX',
      /^[^:\p{Cc}]{1,255}$/u,
      'the start of the name of an Auto Scaling group',
    ),
  ),
  SCHEDULED_TIME: v.optional(
    time(
      'scheduled time of this sweep (UTC); a repeated sweep with the same time starts no second task; if unset, now',
    ),
  ),
  CHECK_GROUPS: v.optional(
    onOff(
      'on: count the groups of the cluster that lack the hook; if unset, on for a sweep with SCHEDULED_TIME, otherwise off',
    ),
  ),
  SWEEP_GRACE_SECONDS: v.optional(
    seconds('seconds to wait for the event of an instance without a task before sweep starts one', 0, 600),
    '20',
  ),
});

export type SettingName = keyof typeof Settings.entries;
export const settingNames = Object.keys(Settings.entries) as SettingName[];
