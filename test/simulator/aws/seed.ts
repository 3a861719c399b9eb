import type { AwsSimulator } from './simulator.ts';

/** The initial resources of the simulated account. */
export type Seed = {
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly accessKey: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly bucket: string;
  readonly group: string;
  readonly hook: string;
  readonly heartbeatTimeoutSeconds: number;
  readonly instanceId: string;
  /** Of the instance, if it is to be recognised by its address. */
  readonly privateIpAddress?: string;
  /** When it was launched, in milliseconds since the epoch; if absent, an hour ago. */
  readonly launchTime?: number;
};

export class SeedErrors extends Error {
  override readonly name = 'SeedErrors';
}

/**
 * Reads the seed from environment variables. An empty value counts as absent.
 * @throws SeedErrors that lists every invalid variable
 */
export function readSeed(environment: Readonly<Record<string, string | undefined>>): Seed {
  const errors: string[] = [];
  const text = (name: string, form = /./): string => {
    const value = environment[name] ?? '';
    if (!form.test(value)) errors.push(value === '' ? `${name} is missing` : `${name} ('${value}') is invalid`);
    return value;
  };
  const seed: Seed = {
    host: environment['HOST'] || '127.0.0.1',
    port: Number(text('PORT', /^\d{1,5}$/)),
    region: text('AWS_REGION'),
    accessKey: { accessKeyId: text('AWS_ACCESS_KEY_ID'), secretAccessKey: text('AWS_SECRET_ACCESS_KEY') },
    bucket: text('KUBE_CONFIG_BUCKET'),
    group: text('AUTO_SCALING_GROUP_NAME'),
    hook: text('LIFECYCLE_HOOK_NAME'),
    heartbeatTimeoutSeconds: Number(text('HEARTBEAT_TIMEOUT_SECONDS', /^\d{1,4}$/)),
    instanceId: text('INSTANCE_ID', /^i-([0-9a-f]{8}|[0-9a-f]{17})$/),
    ...(environment['PRIVATE_IP_ADDRESS'] && {
      privateIpAddress: text('PRIVATE_IP_ADDRESS', /^\d{1,3}(\.\d{1,3}){3}$/),
    }),
    ...(environment['LAUNCH_TIME'] && {
      launchTime: Date.parse(text('LAUNCH_TIME', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)),
    }),
  };
  if (errors.length > 0) throw new SeedErrors(errors.join('\n'));
  return seed;
}

/** Creates the resources of the seed: an empty bucket, and a group with a terminating hook and an instance. */
export function seedAccount(aws: AwsSimulator, seed: Seed): void {
  aws.createBucket(seed.bucket);
  aws.createAutoScalingGroup({ name: seed.group, desiredCapacity: 1 });
  aws.putLifecycleHook({
    autoScalingGroupName: seed.group,
    lifecycleHookName: seed.hook,
    heartbeatTimeout: seed.heartbeatTimeoutSeconds,
  });
  launchSeed(aws, seed);
}

/** Launches the instance of the seed in its group, also in place of one with the same ID. */
export function launchSeed(
  aws: AwsSimulator,
  { instanceId, group: autoScalingGroupName, privateIpAddress, launchTime }: Seed,
): void {
  aws.launchInstance({
    instanceId,
    autoScalingGroupName,
    ...(privateIpAddress !== undefined && { privateIpAddress }),
    ...(launchTime !== undefined && { launchTime }),
  });
}
