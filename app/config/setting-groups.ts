import type { SettingName } from './settings.ts';

/** The settings as the help lists them, by what they are about. */
export const SETTING_GROUPS: readonly (readonly [title: string, names: readonly SettingName[]])[] = [
  [
    'The cluster',
    [
      'CLUSTER_NAME',
      'KUBE_CONFIG_BUCKET',
      'KUBE_CONFIG_OBJECT',
      'AWS_REGION',
      'AWS_ENDPOINT_URL',
      'CONNECT_TIMEOUT_SECONDS',
    ],
  ],
  [
    'The instance and its lifecycle action',
    [
      'INSTANCE_ID',
      'AUTO_SCALING_GROUP_NAME',
      'LIFECYCLE_HOOK_NAME',
      'LIFECYCLE_ACTION_TOKEN',
      'LIFECYCLE_DESTINATION',
      'LIFECYCLE_ACTION_TIME',
      'REASON',
      'NOTICE_TIME',
      'ENDS_AT',
    ],
  ],
  [
    'The node',
    [
      'MISSING_NODE',
      'UNPROVEN_NODE',
      'WAIT_FOR_CAPACITY',
      'WAIT_FOR_CAPACITY_SECONDS',
      'MAX_CONCURRENT_DRAINS',
      'CONCURRENCY_KEY',
      'ONLY_DRAINED',
    ],
  ],
  [
    'The pods',
    [
      'UNBUDGETED',
      'SPREAD_SECONDS',
      'SURGE',
      'EVICTION_API',
      'DO_NOT_DISRUPT_SECONDS',
      'DRAIN_DAEMONSETS',
      'FINALIZER_SECONDS',
      'LAST_RESORT',
      'LAST_RESORT_SECONDS',
    ],
  ],
  [
    'Load balancers and volumes',
    [
      'LOAD_BALANCER_EXCLUSION',
      'LOAD_BALANCER_SECONDS',
      'WAIT_FOR_TARGETS',
      'TARGETS_SECONDS',
      'VOLUME_DETACH_TIMEOUT_SECONDS',
    ],
  ],
  ['The end', ['DRAIN_DEADLINE_SECONDS', 'ON_DEADLINE', 'ON_FAILURE', 'RETAINED']],
  ['The sweep', ['AUTO_SCALING_GROUP_PREFIX', 'SCHEDULED_TIME', 'CHECK_GROUPS', 'SWEEP_GRACE_SECONDS']],
  [
    'The tasks',
    [
      'ENABLED',
      'DRAINER_NAME',
      'ECS_CLUSTER',
      'TASK_DEFINITION',
      'SUBNET_IDS',
      'SECURITY_GROUP_IDS',
      'ASSIGN_PUBLIC_IP',
      'GENERATION',
      'DRAIN_TIME',
    ],
  ],
];
