/** What the simulated account holds when it starts. */
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
};

export class SeedFaults extends Error {
  override readonly name = 'SeedFaults';
}

/**
 * Environment → seed. An empty value counts as absent.
 * @throws SeedFaults that names every fault
 */
export function readSeed(environment: Readonly<Record<string, string | undefined>>): Seed {
  const faults: string[] = [];
  const text = (name: string, form = /./): string => {
    const value = environment[name] ?? '';
    if (!form.test(value)) faults.push(value === '' ? `${name} is missing` : `${name} ('${value}') is not usable`);
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
  };
  if (faults.length > 0) throw new SeedFaults(faults.join('\n'));
  return seed;
}
