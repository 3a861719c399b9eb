import type { SweepFlags } from './cli.ts';
import { clusterNameOf } from './cluster-name.ts';
import { ConfigFaults, type Environment, Given, missingPlace, type Place, placeOf } from './setting-values.ts';
import { SWEEP_SETTINGS } from './settings.ts';

export type SweepConfig = {
  readonly region: string;
  /** Only groups with a terminating hook of this name. */
  readonly hook: string;
  readonly groupPrefix: string;
  /** The EKS cluster whose instances are looked after; absent: every instance that waits. */
  readonly eksCluster?: string;
  /** For people and metrics. */
  readonly cluster: string;
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
  if (!given.has('CLUSTER_NAME') && !given.has('KUBE_CONFIG_BUCKET')) {
    faults.push('nothing says which cluster: give CLUSTER_NAME, or KUBE_CONFIG_BUCKET with KUBE_CONFIG_OBJECT');
  }
  const settings = given.values(faults);
  const place = placeOf(settings);
  const { LIFECYCLE_HOOK_NAME: hook, AWS_REGION: region, CLUSTER_NAME: name, KUBE_CONFIG_BUCKET: bucket } = settings;
  if (place === undefined || hook === undefined || region === undefined)
    throw new ConfigFaults(['something is missing']);
  return {
    region,
    hook,
    groupPrefix: settings.AUTO_SCALING_GROUP_PREFIX ?? '',
    ...(bucket === undefined && name !== undefined && { eksCluster: name }),
    cluster: clusterNameOf(
      bucket === undefined
        ? { kind: 'eks', name: name ?? '', region }
        : { kind: 'kubeconfig-object', bucket, object: settings.KUBE_CONFIG_OBJECT ?? '', region },
    ),
    place,
    ...(settings.SCHEDULED_TIME !== undefined && { scheduledAt: settings.SCHEDULED_TIME }),
    graceMs: settings.SWEEP_GRACE_SECONDS * 1000,
    dryRun: flags.dryRun,
    ...(settings.AWS_ENDPOINT_URL !== undefined && { awsEndpointUrl: settings.AWS_ENDPOINT_URL }),
  };
}
