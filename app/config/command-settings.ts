import * as v from 'valibot';
import { type SettingName, Settings, settingNames } from './settings.ts';

/** Settings that say where the ECS tasks of this drainer run. */
export const PLACEMENT_SETTINGS = ['ECS_CLUSTER', 'TASK_DEFINITION', 'SUBNET_IDS', 'SECURITY_GROUP_IDS'] as const;

const SWEEP_ONLY = ['AUTO_SCALING_GROUP_PREFIX', 'SCHEDULED_TIME', 'CHECK_GROUPS', 'SWEEP_GRACE_SECONDS'] as const;

/** The settings that `drain` reads. */
export const DRAIN_SETTINGS: readonly SettingName[] = settingNames.filter(
  (name) => name !== 'ONLY_DRAINED' && !SWEEP_ONLY.some((other) => other === name),
);

/**
 * What the environment of a task holds of an event. AWS adds fields and words as it likes, and nothing in an event may keep a
 * node from being drained: an unknown value is a warning, and is looked up instead. INSTANCE_ID is no such setting: without it
 * there is no target.
 */
export const EVENT_SETTINGS: readonly SettingName[] = [
  'AUTO_SCALING_GROUP_NAME',
  'LIFECYCLE_HOOK_NAME',
  'LIFECYCLE_ACTION_TOKEN',
  'LIFECYCLE_DESTINATION',
  'LIFECYCLE_ACTION_TIME',
  'NOTICE_TIME',
  'ENDS_AT',
  'DRAIN_TIME',
];

/** The settings that `cordon` reads. */
export const CORDON_SETTINGS: readonly SettingName[] = [
  'INSTANCE_ID',
  'REASON',
  'CLUSTER_NAME',
  'KUBE_CONFIG_BUCKET',
  'KUBE_CONFIG_OBJECT',
  'AWS_REGION',
  'AWS_ENDPOINT_URL',
  'CONNECT_TIMEOUT_SECONDS',
  'UNPROVEN_NODE',
  'ENABLED',
];

/** The settings that `undo` reads. */
export const UNDO_SETTINGS: readonly SettingName[] = [
  'INSTANCE_ID',
  'CLUSTER_NAME',
  'KUBE_CONFIG_BUCKET',
  'KUBE_CONFIG_OBJECT',
  'AWS_REGION',
  'AWS_ENDPOINT_URL',
  'CONNECT_TIMEOUT_SECONDS',
  'UNPROVEN_NODE',
  'ONLY_DRAINED',
];

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
  'RETAINED',
  'ENABLED',
  'DRAINER_NAME',
  ...SWEEP_ONLY,
];

/** `INSTANCE_ID` → `instance-id` */
export function flagOf(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

export type SettingRow = {
  readonly name: SettingName;
  readonly flag: string;
  /** `on|off`, `1..3600`, or a placeholder such as `NAME`. */
  readonly values: string;
  /** Empty when there is none. */
  readonly defaultValue: string;
  readonly description: string;
};

/** Settings as rows of a table. */
export function settingRows(names: readonly SettingName[] = settingNames): SettingRow[] {
  return names.map((name) => {
    const { wrapped } = Settings.entries[name];
    return {
      name,
      flag: `--${flagOf(name)}`,
      values: v.getMetadata(wrapped).values,
      defaultValue: String(v.getDefault(Settings.entries[name]) ?? ''),
      description: v.getDescription(wrapped) ?? '',
    };
  });
}
