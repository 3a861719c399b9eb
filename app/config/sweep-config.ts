import type { SweepFlags } from './cli.ts';
import { type ClusterSource, sourceFaults, sourceOf } from './cluster-source.ts';
import { ConfigFaults, type Environment, Given, missingPlace, type Place, placeOf } from './setting-values.ts';
import { SWEEP_SETTINGS } from './settings.ts';

export type SweepConfig = {
  readonly region: string;
  /** Only groups with a terminating hook of this name. */
  readonly hook: string;
  readonly groupPrefix: string;
  /** Of an EKS cluster its own instances are looked after; of any other one, every instance that waits. */
  readonly cluster: ClusterSource;
  readonly place: Place;
  /** Milliseconds since the epoch; absent: it was started by hand. */
  readonly scheduledAt?: number;
  readonly graceMs: number;
  readonly dryRun: boolean;
  /** Where every AWS call goes; absent: to AWS. */
  readonly awsEndpointUrl?: string;
};

/**
 * Environment and flags → configuration of a sweep.
 * @param earlier faults that reading the command line already found
 * @throws ConfigFaults that names every fault, before anything is touched
 */
export function readSweepConfig(
  environment: Environment,
  flags: SweepFlags,
  earlier: readonly string[] = [],
): SweepConfig {
  const faults = [...earlier];
  const given = new Given(SWEEP_SETTINGS, environment, flags.settings, faults);
  const missing = [
    ...(['LIFECYCLE_HOOK_NAME', 'AWS_REGION'] as const).filter((name) => !given.has(name)),
    ...missingPlace(given),
  ];
  faults.push(...missing.map((name) => `${name} is missing`));
  faults.push(...sourceFaults(given, ''));
  const settings = given.values(faults);
  const place = placeOf(settings);
  const { LIFECYCLE_HOOK_NAME: hook, AWS_REGION: region } = settings;
  const cluster = sourceOf(settings, region ?? '');
  if (place === undefined || hook === undefined || region === undefined || cluster === undefined)
    throw new ConfigFaults(['something is missing']);
  return {
    region,
    hook,
    groupPrefix: settings.AUTO_SCALING_GROUP_PREFIX ?? '',
    cluster,
    place,
    ...(settings.SCHEDULED_TIME !== undefined && { scheduledAt: settings.SCHEDULED_TIME }),
    graceMs: settings.SWEEP_GRACE_SECONDS * 1000,
    dryRun: flags.dryRun,
    ...(settings.AWS_ENDPOINT_URL !== undefined && { awsEndpointUrl: settings.AWS_ENDPOINT_URL }),
  };
}
