import * as v from 'valibot';
import type { Flags } from './cli.ts';
import type { Policies } from './outcome.ts';
import { printable } from './printable.ts';
import { flagOf, Settings, settingNames } from './settings.ts';

/** What is drained. */
export type Target =
  | { readonly kind: 'instance'; readonly instanceId: string; readonly region: string; readonly action: KnownAction }
  | { readonly kind: 'node'; readonly name: string };

/** What the event told about the lifecycle action; whatever is absent is looked up. */
export type KnownAction = {
  readonly group?: string;
  readonly hook?: string;
  readonly token?: string;
  readonly destination?: 'EC2' | 'AutoScalingGroup' | 'WarmPool';
};

/** Where the cluster is, and how the drainer proves who it is. */
export type ClusterSource =
  | { readonly kind: 'eks'; readonly name: string; readonly region: string }
  | { readonly kind: 'kubeconfig-object'; readonly bucket: string; readonly object: string; readonly region: string }
  | { readonly kind: 'kubeconfig-file'; readonly path: string };

export type Config = {
  readonly target: Target;
  readonly cluster: ClusterSource;
  readonly dryRun: boolean;
  /** Drain an instance even though it is not terminating. */
  readonly force: boolean;
  readonly connectTimeoutMs: number;
  readonly loadBalancerExclusion: boolean;
  /** 0: volumes are not waited for. */
  readonly volumeDetachTimeoutMs: number;
  readonly drainDaemonSets: boolean;
  /** 0: pods that ask not to be disrupted are evicted like the others. */
  readonly doNotDisruptMs: number;
  /** Absent: the drain does not wait for the capacity of the group. */
  readonly capacityTimeoutMs?: number;
  readonly lastResortMs: number;
  readonly policies: Policies;
  /** Absent: the drain takes as long as it takes. */
  readonly drainDeadlineMs?: number;
  /** Where every AWS call goes; absent: to AWS. */
  readonly awsEndpointUrl?: string;
};

/** Every fault of the configuration at once, for exit code 64. */
export class ConfigFaults extends Error {
  override readonly name = 'ConfigFaults';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}`);
    this.faults = faults.map((fault) => printable(fault, 500));
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Environment and flags → configuration. An empty value counts as absent: that is what EventBridge renders for a field
 * that an event does not have.
 *
 * @param earlier faults that reading the command line already found
 * @throws ConfigFaults that names every fault, before anything is touched
 */
export function readConfig(environment: Environment, flags: Flags, earlier: readonly string[] = []): Config {
  const faults = [...earlier];
  const given = Object.fromEntries(
    settingNames.map((name) => [name, flags.settings[name] ?? (environment[name] || undefined)]),
  );
  const parsed = v.safeParse(Settings, given);
  for (const issue of parsed.issues ?? []) {
    const name = String(issue.path?.[0]?.key);
    faults.push(`${name}${quoted(name, String(given[name]))} ${issue.message}`);
  }
  const has = (name: string) => given[name] !== undefined;
  const fromFile = flags.kubeconfig !== undefined;

  if (!has('INSTANCE_ID') && flags.node === undefined) {
    faults.push('nothing says what to drain: give INSTANCE_ID, or --node');
  }
  if (has('INSTANCE_ID') && flags.node !== undefined) {
    faults.push('INSTANCE_ID and --node exclude each other: which of them is to be drained?');
  }
  if (has('KUBE_CONFIG_BUCKET') !== has('KUBE_CONFIG_OBJECT')) {
    faults.push('KUBE_CONFIG_BUCKET and KUBE_CONFIG_OBJECT go together: one of them is missing');
  }
  if (!fromFile && !has('CLUSTER_NAME') && !has('KUBE_CONFIG_BUCKET') && !has('KUBE_CONFIG_OBJECT')) {
    faults.push(
      'nothing says which cluster: give CLUSTER_NAME, KUBE_CONFIG_BUCKET with KUBE_CONFIG_OBJECT, or --kubeconfig',
    );
  }
  if (flags.node !== undefined && !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(flags.node)) {
    faults.push(`--node${quoted('node', flags.node)} must be the name of a node: small letters, digits, - and .`);
  }
  const needsAws = has('INSTANCE_ID') || !fromFile;
  if (needsAws && !has('AWS_REGION')) {
    const hint = environment['AWS_DEFAULT_REGION'] ? ' (AWS_DEFAULT_REGION is not read)' : '';
    faults.push(`AWS_REGION is missing${hint}`);
  }
  for (const [name, value] of Object.entries(environment)) {
    if (/^AWS_ENDPOINT_URL_[A-Z0-9_]+$/.test(name) && value && !/^https?:$/.test(URL.parse(value)?.protocol ?? '')) {
      faults.push(`${name}${quoted(name, value)} must be an http or https URL`);
    }
  }

  if (faults.length > 0 || !parsed.success) throw new ConfigFaults(faults);
  const settings = parsed.output;
  const region = settings.AWS_REGION ?? '';
  const deadline = settings.DRAIN_DEADLINE_SECONDS;
  return {
    target: targetOf(settings, flags, region),
    cluster: clusterOf(settings, flags, region),
    dryRun: flags.dryRun,
    force: flags.force,
    connectTimeoutMs: settings.CONNECT_TIMEOUT_SECONDS * 1000,
    loadBalancerExclusion: settings.LOAD_BALANCER_EXCLUSION === 'on',
    volumeDetachTimeoutMs: settings.VOLUME_DETACH_TIMEOUT_SECONDS * 1000,
    drainDaemonSets: settings.DRAIN_DAEMONSETS === 'true',
    doNotDisruptMs: settings.DO_NOT_DISRUPT_SECONDS * 1000,
    ...(settings.WAIT_FOR_CAPACITY === 'on' && { capacityTimeoutMs: settings.WAIT_FOR_CAPACITY_SECONDS * 1000 }),
    lastResortMs: settings.LAST_RESORT_SECONDS * 1000,
    policies: {
      missingNode: settings.MISSING_NODE,
      onFailure: settings.ON_FAILURE,
      onDeadline: settings.ON_DEADLINE,
    },
    ...(deadline !== undefined && { drainDeadlineMs: deadline * 1000 }),
    ...(settings.AWS_ENDPOINT_URL !== undefined && { awsEndpointUrl: settings.AWS_ENDPOINT_URL }),
  };
}

/** All faults as one message, a line each, with the way to the documentation of the settings. */
export function faultText({ faults }: ConfigFaults): string {
  const lines = faults.map((fault) => `  - ${fault}`);
  return [
    `fargate-node-drainer: the configuration is not usable; nothing was touched.`,
    ...lines,
    `See drain --help for every setting.`,
    '',
  ].join('\n');
}

/** A value in brackets, as far as it may be shown: not a token, nor a URL that may hold a password. */
function quoted(name: string, value: string): string {
  const isSecret = name === 'LIFECYCLE_ACTION_TOKEN' || (name.startsWith('AWS_ENDPOINT_URL') && value.includes('@'));
  // A line break at the end shows as \n: it is what is wrong more often than not.
  return isSecret ? '' : ` (${printable(`'${JSON.stringify(value).slice(1, -1)}'`, 300)})`;
}

type SettingValues = v.InferOutput<typeof Settings>;

function targetOf(settings: SettingValues, flags: Flags, region: string): Target {
  if (settings.INSTANCE_ID === undefined) {
    if (flags.node === undefined) throw new ConfigFaults([`${flagOf('INSTANCE_ID')} is missing`]);
    return { kind: 'node', name: flags.node };
  }
  return {
    kind: 'instance',
    instanceId: settings.INSTANCE_ID,
    region,
    action: {
      ...(settings.AUTO_SCALING_GROUP_NAME !== undefined && { group: settings.AUTO_SCALING_GROUP_NAME }),
      ...(settings.LIFECYCLE_HOOK_NAME !== undefined && { hook: settings.LIFECYCLE_HOOK_NAME }),
      ...(settings.LIFECYCLE_ACTION_TOKEN !== undefined && { token: settings.LIFECYCLE_ACTION_TOKEN }),
      ...(settings.LIFECYCLE_DESTINATION !== undefined && { destination: settings.LIFECYCLE_DESTINATION }),
    },
  };
}

function clusterOf(settings: SettingValues, flags: Flags, region: string): ClusterSource {
  if (flags.kubeconfig !== undefined) return { kind: 'kubeconfig-file', path: flags.kubeconfig };
  const { KUBE_CONFIG_BUCKET: bucket, KUBE_CONFIG_OBJECT: object, CLUSTER_NAME: name } = settings;
  if (bucket !== undefined && object !== undefined) return { kind: 'kubeconfig-object', bucket, object, region };
  if (name !== undefined) return { kind: 'eks', name, region };
  throw new ConfigFaults(['nothing says which cluster']);
}
