import type { SweepFlags } from './cli.ts';
import { type ClusterSource, clusterSourceErrors, clusterSourceOf } from './cluster-source.ts';
import {
  ConfigErrors,
  type Environment,
  missingPlacement,
  placementOf,
  RawSettings,
  type TaskPlacement,
} from './setting-values.ts';
import { SWEEP_SETTINGS } from './settings.ts';

export type SweepConfig = {
  readonly region: string;
  /** Only groups with a terminating hook of this name. */
  readonly hook: string;
  readonly groupPrefix: string;
  /** Of an EKS cluster its own instances are looked after; of any other one, every instance that waits. */
  readonly cluster: ClusterSource;
  readonly placement: TaskPlacement;
  /** Milliseconds since the epoch; absent: it was started by hand. */
  readonly scheduledAt?: number;
  readonly graceMs: number;
  readonly dryRun: boolean;
  /** Where every AWS call goes; absent: to AWS. */
  readonly awsEndpointUrl?: string;
};

/**
 * Environment and flags → configuration of a sweep.
 * @param earlier errors that reading the command line already found
 * @throws ConfigFaults that names every fault, before anything is touched
 */
export function readSweepConfig(
  environment: Environment,
  flags: SweepFlags,
  earlier: readonly string[] = [],
): SweepConfig {
  const errors = [...earlier];
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
  if (placement === undefined || hook === undefined || region === undefined || cluster === undefined)
    throw new ConfigErrors(['something is missing']);
  return {
    region,
    hook,
    groupPrefix: settings.AUTO_SCALING_GROUP_PREFIX ?? '',
    cluster,
    placement,
    ...(settings.SCHEDULED_TIME !== undefined && { scheduledAt: settings.SCHEDULED_TIME }),
    graceMs: settings.SWEEP_GRACE_SECONDS * 1000,
    dryRun: flags.dryRun,
    ...(settings.AWS_ENDPOINT_URL !== undefined && { awsEndpointUrl: settings.AWS_ENDPOINT_URL }),
  };
}
