import type { SweepFlags } from './cli.ts';
import { type ConfiguredCluster, clusterSourceErrors, clusterSourceOf } from './cluster-source.ts';
import { SWEEP_SETTINGS } from './command-settings.ts';
import {
  ConfigErrors,
  type Environment,
  missingPlacement,
  placementOf,
  RawSettings,
  type TaskPlacement,
} from './setting-values.ts';

export type SweepConfig = {
  readonly region: string;
  /** Only groups with a terminating hook of this name. */
  readonly hook: string;
  readonly groupPrefix: string;
  /**
   * A cluster with a name: only instances whose tags name it, or no cluster. Without a name: every waiting instance. When the
   * tags of each instance decide: those whose tags name one cluster.
   */
  readonly cluster: ConfiguredCluster;
  readonly placement: TaskPlacement;
  /** Milliseconds since the epoch; absent: the sweep was started manually. */
  readonly scheduledAt?: number;
  /** How long an instance without a task may still get one from its event. */
  readonly graceMs: number;
  /** The drainer is paused: the sweep ends at once. */
  readonly paused: boolean;
  /** Start tasks for retained instances, too. */
  readonly finishRetained: boolean;
  /** Count the groups without the hook. */
  readonly checkGroups: boolean;
  readonly dryRun: boolean;
  /** The dimension Drainer of metrics; absent: they have none. */
  readonly drainerName?: string;
  /** The endpoint for all AWS calls; absent: the endpoints of AWS. */
  readonly awsEndpointUrl?: string;
};

/**
 * Environment and flags → configuration of a sweep.
 * @param commandLineErrors reported together with those found here
 * @throws ConfigErrors with every error, before any request is sent
 */
export function readSweepConfig(
  environment: Environment,
  flags: SweepFlags,
  commandLineErrors: readonly string[] = [],
): SweepConfig {
  const errors = [...commandLineErrors];
  const given = new RawSettings(SWEEP_SETTINGS, environment, flags.settings, errors);
  const missing = [
    ...(['LIFECYCLE_HOOK_NAME', 'AWS_REGION'] as const).filter((name) => !given.has(name)),
    ...missingPlacement(given),
  ];
  errors.push(...missing.map((name) => `${name} is missing`));
  errors.push(...clusterSourceErrors(given, ''));
  const settings = given.values(errors);
  const placement = placementOf(settings);
  const { LIFECYCLE_HOOK_NAME: hook, AWS_REGION: region } = settings;
  const cluster = clusterSourceOf(settings, region ?? '');
  if (placement === undefined || hook === undefined || region === undefined || cluster === undefined) {
    throw new ConfigErrors(['a required setting is missing']);
  }
  return {
    region,
    hook,
    groupPrefix: settings.AUTO_SCALING_GROUP_PREFIX ?? '',
    cluster,
    placement,
    ...(settings.SCHEDULED_TIME !== undefined && { scheduledAt: settings.SCHEDULED_TIME }),
    graceMs: settings.SWEEP_GRACE_SECONDS * 1000,
    paused: !settings.ENABLED,
    finishRetained: settings.RETAINED === 'finish',
    // A sweep that is started because an instance waits is in a hurry; the one from the clock is not.
    checkGroups: settings.CHECK_GROUPS ?? settings.SCHEDULED_TIME !== undefined,
    dryRun: flags.dryRun,
    ...(settings.DRAINER_NAME !== undefined && { drainerName: settings.DRAINER_NAME }),
    ...(settings.AWS_ENDPOINT_URL !== undefined && { awsEndpointUrl: settings.AWS_ENDPOINT_URL }),
  };
}
