import type { KnownAction } from '../lifecycle/action.ts';
import type { Policies } from '../outcome.ts';
import type { Flags } from './cli.ts';
import { type ConfiguredCluster, clusterSourceErrors, clusterSourceOf, hasName } from './cluster-source.ts';
import { DRAIN_SETTINGS, EVENT_SETTINGS, PLACEMENT_SETTINGS } from './command-settings.ts';
import {
  ConfigErrors,
  type Environment,
  missingPlacement,
  placementOf,
  quoted,
  RawSettings,
  type SettingValues,
  type TaskPlacement,
} from './setting-values.ts';
import type { REASONS, SettingName } from './settings.ts';

/** What to drain. */
export type Target =
  | { readonly kind: 'instance'; readonly instanceId: string; readonly region: string; readonly action: KnownAction }
  | { readonly kind: 'node'; readonly name: string };

export type Reason = (typeof REASONS)[number];

export type Config = {
  readonly target: Target;
  readonly reason: Reason;
  /** When EC2 ends the instance, even if pods remain, in milliseconds since the epoch; absent: unknown. */
  readonly instanceEndsAt?: number;
  /** Drain retained instances to their end, for as long as it takes. */
  readonly finishRetained: boolean;
  /** The drainer is paused: the run ends at once. */
  readonly paused: boolean;
  /** `undo` touches only a node that a drain has marked. */
  readonly onlyDrained: boolean;
  /** What was wrong with the event, for people. */
  readonly warnings: readonly string[];
  readonly cluster: ConfiguredCluster;
  readonly dryRun: boolean;
  /** Drain an instance even if it is not terminating. */
  readonly force: boolean;
  readonly connectTimeoutMs: number;
  /** When the node is excluded from load balancers. */
  readonly loadBalancerExclusion: 'end' | 'start' | 'off';
  /** How long the node stays after that. */
  readonly loadBalancerMs: number;
  /** How long target groups may keep the node after that; absent: they are not asked. */
  readonly targetsMs?: number;
  readonly unprovenNode: 'refuse' | 'accept';
  /** 0: do not wait for volumes. */
  readonly volumeDetachTimeoutMs: number;
  readonly drainDaemonSets: boolean;
  /** 0: pods annotated as not to be disrupted are evicted like other pods. */
  readonly doNotDisruptMs: number;
  /** Absent: the drain does not wait for capacity. */
  readonly capacityTimeoutMs?: number;
  /** Absent: the drain does not wait until its pods fit on other nodes. */
  readonly roomTimeoutMs?: number;
  /** 0: no limit. */
  readonly maxConcurrentDrains: number;
  readonly concurrencyKey: 'cluster' | 'group' | 'zone';
  /** The margin between the end of a pod's grace period and the end of the instance. */
  readonly lastResortMs: number;
  readonly lastResort: 'delete' | 'evict';
  /** How long a pod is waited for that only finalizers keep. */
  readonly finalizerMs: number;
  /** How long a pod that no budget covers waits for others of its workload; 0: it does not. */
  readonly spreadMs: number;
  /** `blocked`: Deployments whose budgets can never allow an eviction are restarted by their rolling updates. */
  readonly surge: 'off' | 'blocked';
  /** Are the responders of pods asked to end them? */
  readonly evictionApi: 'auto' | 'policy';
  readonly policies: Policies;
  /** Absent: the drain has no deadline of its own. */
  readonly drainDeadlineMs?: number;
  /** When the first task of this drain started it, in milliseconds since the epoch; absent: this task is the first. */
  readonly drainStartedAt?: number;
  /** How many times this drain has been handed over. */
  readonly generation: number;
  /** Where a successor task that continues this drain runs; absent: none is started. */
  readonly placement?: TaskPlacement;
  /** The dimension Drainer of metrics; absent: they have none. */
  readonly drainerName?: string;
  /** The endpoint for all AWS calls; absent: the endpoints of AWS. */
  readonly awsEndpointUrl?: string;
};

const ACTION_SETTINGS = ['AUTO_SCALING_GROUP_NAME', 'LIFECYCLE_HOOK_NAME', 'LIFECYCLE_ACTION_TOKEN'] as const;

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
export const SPOT_NOTICE_MS = 120_000;

/**
 * Environment and flags → configuration of a drain, of `cordon`, or of `undo`.
 *
 * @param commandLineErrors reported together with those found here
 * @param names the settings that the command reads; others are left alone, even if they are wrong
 * @throws ConfigErrors with every error, before any request is sent
 */
export function readConfig(
  environment: Environment,
  flags: Flags,
  commandLineErrors: readonly string[] = [],
  names = DRAIN_SETTINGS,
): Config {
  const errors = [...commandLineErrors];
  const given = new RawSettings(names, environment, flags.settings, errors, EVENT_SETTINGS);
  const has = (name: SettingName) => given.has(name);
  const fromFile = flags.kubeconfig !== undefined;

  if (!has('INSTANCE_ID') && flags.node === undefined) {
    errors.push('no target given: set INSTANCE_ID, or name a node');
  }
  if (has('INSTANCE_ID') && flags.node !== undefined) {
    errors.push('INSTANCE_ID and --node are mutually exclusive: set only one of them');
  }
  const unread = environment['KUBECONFIG'] ? ' (KUBECONFIG is set, but is not read: --kubeconfig "$KUBECONFIG")' : '';
  errors.push(...clusterSourceErrors(given, fromFile ? undefined : `, or --kubeconfig${unread}`));
  if (flags.context !== undefined && !fromFile) errors.push('--context requires --kubeconfig');
  if (flags.node !== undefined && !fromFile && given.text('CLUSTER_NAME') === '*') {
    errors.push('--node requires the name of its cluster: CLUSTER_NAME is *, and only an instance has tags');
  }
  if (flags.node !== undefined && !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(flags.node)) {
    errors.push(`--node${quoted('node', flags.node)} must be the name of a node: lower-case letters, digits, - and .`);
  }
  const needsAws = has('INSTANCE_ID') || !fromFile;
  if (needsAws && !has('AWS_REGION')) {
    const hint = environment['AWS_DEFAULT_REGION'] ? ': AWS_DEFAULT_REGION is not read' : '';
    errors.push(`AWS_REGION is missing${hint}`);
  }
  const missing = missingPlacement(given);
  if (missing.length > 0 && missing.length < PLACEMENT_SETTINGS.length) {
    errors.push(
      `${PLACEMENT_SETTINGS.join(', ')} must be set together: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`,
    );
  }

  const settings = given.values(errors);
  const region = settings.AWS_REGION ?? '';
  const deadline = settings.DRAIN_DEADLINE_SECONDS;
  const placement = placementOf(settings);
  const instanceEndsAt = instanceEnd(settings);
  return {
    target: targetOf(settings, flags, region),
    reason: settings.REASON,
    ...(instanceEndsAt !== undefined && { instanceEndsAt }),
    finishRetained: settings.RETAINED === 'finish',
    paused: !settings.ENABLED,
    onlyDrained: settings.ONLY_DRAINED,
    warnings: given.warnings,
    cluster: clusterOf(settings, flags, region),
    dryRun: flags.dryRun,
    force: flags.force,
    connectTimeoutMs: settings.CONNECT_TIMEOUT_SECONDS * 1000,
    loadBalancerExclusion: settings.LOAD_BALANCER_EXCLUSION ?? (flags.node === undefined ? 'end' : 'off'),
    loadBalancerMs: settings.LOAD_BALANCER_SECONDS * 1000,
    ...(waitsForTargets(settings, flags, region) && { targetsMs: settings.TARGETS_SECONDS * 1000 }),
    unprovenNode: settings.UNPROVEN_NODE,
    volumeDetachTimeoutMs: settings.VOLUME_DETACH_TIMEOUT_SECONDS * 1000,
    drainDaemonSets: settings.DRAIN_DAEMONSETS,
    doNotDisruptMs: settings.DO_NOT_DISRUPT_SECONDS * 1000,
    ...(settings.WAIT_FOR_CAPACITY === 'on' && { capacityTimeoutMs: settings.WAIT_FOR_CAPACITY_SECONDS * 1000 }),
    ...(settings.WAIT_FOR_CAPACITY === 'pods' && { roomTimeoutMs: settings.WAIT_FOR_CAPACITY_SECONDS * 1000 }),
    maxConcurrentDrains: settings.MAX_CONCURRENT_DRAINS,
    concurrencyKey: settings.CONCURRENCY_KEY,
    lastResortMs: settings.LAST_RESORT_SECONDS * 1000,
    lastResort: settings.LAST_RESORT,
    finalizerMs: settings.FINALIZER_SECONDS * 1000,
    spreadMs: settings.UNBUDGETED === 'spread' ? settings.SPREAD_SECONDS * 1000 : 0,
    surge: settings.SURGE,
    evictionApi: settings.EVICTION_API,
    policies: {
      missingNode: settings.MISSING_NODE,
      onFailure: settings.ON_FAILURE,
      onDeadline: settings.ON_DEADLINE,
    },
    ...(deadline !== undefined && { drainDeadlineMs: deadline * 1000 }),
    ...(settings.DRAIN_TIME !== undefined && { drainStartedAt: settings.DRAIN_TIME }),
    generation: settings.GENERATION,
    ...(placement !== undefined && { placement }),
    ...(settings.DRAINER_NAME !== undefined && { drainerName: settings.DRAINER_NAME }),
    ...(settings.AWS_ENDPOINT_URL !== undefined && { awsEndpointUrl: settings.AWS_ENDPOINT_URL }),
  };
}

function instanceEnd({ ENDS_AT: endsAt, NOTICE_TIME: noticedAt, REASON: reason }: SettingValues): number | undefined {
  if (endsAt !== undefined) return endsAt;
  return reason === 'spot-interruption' && noticedAt !== undefined ? noticedAt + SPOT_NOTICE_MS : undefined;
}

function targetOf(settings: SettingValues, flags: Flags, region: string): Target {
  if (settings.INSTANCE_ID === undefined) {
    if (flags.node === undefined) throw new ConfigErrors(['INSTANCE_ID is missing']);
    return { kind: 'node', name: flags.node };
  }
  const isTyped = ACTION_SETTINGS.some((name) => flags.settings[name] !== undefined);
  return {
    kind: 'instance',
    instanceId: settings.INSTANCE_ID,
    region,
    action: {
      ...(isTyped && { isTyped }),
      ...(settings.AUTO_SCALING_GROUP_NAME !== undefined && { group: settings.AUTO_SCALING_GROUP_NAME }),
      ...(settings.LIFECYCLE_HOOK_NAME !== undefined && { hook: settings.LIFECYCLE_HOOK_NAME }),
      ...(settings.LIFECYCLE_ACTION_TOKEN !== undefined && { token: settings.LIFECYCLE_ACTION_TOKEN }),
      ...(settings.LIFECYCLE_DESTINATION !== undefined && { destination: settings.LIFECYCLE_DESTINATION }),
      ...(settings.LIFECYCLE_ACTION_TIME !== undefined && { startedAt: settings.LIFECYCLE_ACTION_TIME }),
    },
  };
}

/** Without the name of the cluster, the tags of target groups say nothing. */
function waitsForTargets(settings: SettingValues, flags: Flags, region: string): boolean {
  if (settings.INSTANCE_ID === undefined) return false;
  return settings.WAIT_FOR_TARGETS ?? hasName(clusterOf(settings, flags, region));
}

function clusterOf(settings: SettingValues, flags: Flags, region: string): ConfiguredCluster {
  if (flags.kubeconfig !== undefined) {
    return {
      kind: 'kubeconfig-file',
      path: flags.kubeconfig,
      ...(flags.context !== undefined && { context: flags.context }),
    };
  }
  const source = clusterSourceOf(settings, region);
  if (source === undefined) throw new ConfigErrors(['no cluster given']);
  return source;
}
