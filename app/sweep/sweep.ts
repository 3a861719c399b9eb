import { clusterNameOf, resolveCluster, UNKNOWN_CLUSTER_ADVICE } from '../config/cluster-source.ts';
import type { SweepConfig } from '../config/sweep-config.ts';
import type { Context } from '../context.ts';
import type { SweepCounts } from '../events.ts';
import { toSeconds } from '../lib/clock.ts';
import { Failure, isBug } from '../lib/errors.ts';
import { EX_SOFTWARE, Stopped, signalExitCode } from '../outcome.ts';
import type { InstanceInfo } from '../run/instance.ts';
import { PAUSED } from '../run/node-commands.ts';
import { countGroupsWithoutHook } from './groups-without-hook.ts';
import { lookUp } from './look-up.ts';
import type { SweepPorts, SweptGroup, SweptInstance } from './ports.ts';
import { StartTasks } from './start-tasks.ts';

/** A warning names this many instances. */
const MAX_NAMED_INSTANCES = 5;

/**
 * Runs one sweep, and always reports one summary or failure; nothing but that while the drainer is paused.
 * @returns the exit code: 0 when every group was checked, even if tasks could not be started; never rejects
 */
export async function runSweep(config: SweepConfig, ports: SweepPorts, context: Context): Promise<number> {
  const { clock, report } = context;
  const startedAt = clock.now();
  if (config.paused) {
    report({ type: 'nothing to do', reason: PAUSED });
    return 0;
  }
  try {
    const counts = await sweep(config, ports, context);
    const seconds = toSeconds(clock.now() - startedAt);
    report({
      type: 'sweep summary',
      cluster: clusterNameOf(config.cluster),
      summary: { ...counts, seconds, exitCode: 0 },
    });
    return 0;
  } catch (error) {
    if (error instanceof Stopped) {
      report({ type: 'warning', message: `the sweep was ${error.message}; the next sweep starts the missing tasks` });
      return signalExitCode(error.signal);
    }
    report({ type: 'run failed', error });
    return isBug(error) ? EX_SOFTWARE : 1;
  }
}

/**
 * Starts a drain for every instance that waits in the hook without a task: its event was lost, its task was refused, or its
 * task ended early. The waiting instances come first: the groups without the hook are looked for while refused starts wait.
 * @throws Failure when a lookup failed; the reason of the signal
 */
async function sweep(config: SweepConfig, ports: SweepPorts, context: Context): Promise<SweepCounts> {
  const groups = await lookUp('find the waiting instances', (signal) => ports.groups(signal), context);
  const { instances, hooks, failedGroups } = await instancesInHook(groups, ports, context);
  const { ours, held, unknown, otherClusters } = await classify(instances, config, ports, context);
  const waits = ({ state }: SweptInstance) => state === 'waiting';
  const all = [...ours, ...held, ...unknown];
  const waiting = all.filter(waits).length;

  const starts = new StartTasks(
    ours.filter((instance) => waits(instance) || isAdopted(instance, config)),
    config,
    ports,
    context,
  );
  await starts.firstRound();
  const [groupsWithoutHook] = await Promise.all([
    config.checkGroups ? countGroupsWithoutHook(groups, hooks, config, ports, context) : undefined,
    starts.otherRounds(),
  ]);
  if (failedGroups.length > 0) {
    throw new Failure(`could not check the instances of ${failedGroups.join(', ')}: their lifecycle hooks are unknown`);
  }
  return {
    groups: groups.length,
    waiting,
    retained: all.length - waiting,
    held: held.length,
    clustersUnknown: unknown.length,
    otherClusters,
    groupsWithoutHook,
    ...starts.counts,
  };
}

/** With RETAINED=finish a task goes on with the drain of a retained instance, and terminates it. */
function isAdopted({ state }: SweptInstance, { finishRetained }: SweepConfig): boolean {
  return finishRetained && state === 'retained';
}

/** A group whose hooks cannot be described, for instance because it was just deleted, must not stop the sweep of the others. */
async function instancesInHook(
  groups: readonly SweptGroup[],
  ports: SweepPorts,
  context: Context,
): Promise<{
  instances: readonly SweptInstance[];
  /** Whether each group with such instances has the hook. */
  hooks: ReadonlyMap<string, boolean>;
  failedGroups: readonly string[];
}> {
  const hooks = new Map<string, boolean>();
  const failedGroups: string[] = [];
  const concerned = groups.filter(({ instances }) => instances.length > 0);
  for (const { name } of concerned) {
    try {
      const hasHook = (signal: AbortSignal) => ports.hasHook(name, signal);
      hooks.set(name, await lookUp(`describe the lifecycle hooks of ${name}`, hasHook, context));
    } catch (error) {
      if (context.signal.aborted || !(error instanceof Failure)) throw error;
      context.report({
        type: 'warning',
        message: `could not check the instances of ${name}; the sweep continues with the other groups`,
        error,
      });
      failedGroups.push(name);
    }
  }
  const inHook = concerned.filter(({ name }) => hooks.get(name) === true);
  return { instances: inHook.flatMap(({ instances }) => instances), hooks, failedGroups };
}

type Classified = {
  readonly ours: readonly SweptInstance[];
  /** An operator holds them: no task is started. */
  readonly held: readonly SweptInstance[];
  /** Their tags do not name the one cluster that they belong to: their tasks would only fail. */
  readonly unknown: readonly SweptInstance[];
  readonly otherClusters: number;
};

/** Sorts the instances by their tags. Best effort: without EC2 a task looks at its own instance, and ends when it is not ours. */
async function classify(
  instances: readonly SweptInstance[],
  config: SweepConfig,
  ports: SweepPorts,
  { report, signal }: Context,
): Promise<Classified> {
  const ours: SweptInstance[] = [];
  const held: SweptInstance[] = [];
  const unknown: { readonly instance: SweptInstance; readonly reason: string }[] = [];
  let otherClusters = 0;
  if (instances.length === 0) return { ours, held, unknown: [], otherClusters };
  let described: ReadonlyMap<string, InstanceInfo>;
  try {
    const ids = instances.map(({ instanceId }) => instanceId);
    described = await ports.describeInstances(ids, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (isBug(error)) throw error;
    report({
      type: 'warning',
      message: 'could not look up which clusters the instances belong to; starting a task for each of them',
      error,
    });
    return { ours: instances, held, unknown: [], otherClusters };
  }
  for (const instance of instances) {
    const tags = described.get(instance.instanceId);
    const resolution = resolveCluster(config.cluster, tags);
    if (resolution.kind === 'other cluster') otherClusters++;
    else if (tags?.isHeld === true) held.push(instance);
    else if (resolution.kind === 'unknown') unknown.push({ instance, reason: resolution.reason });
    else ours.push(instance);
  }
  if (unknown.length > 0) {
    const named = unknown
      .slice(0, MAX_NAMED_INSTANCES)
      .map(({ instance: { instanceId, group }, reason }) => `${instanceId} of ${group} (${reason})`);
    const more = unknown.length - named.length;
    const message = `not draining ${unknown.length} instance${unknown.length === 1 ? '' : 's'} of unknown clusters: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}; ${UNKNOWN_CLUSTER_ADVICE}`;
    report({ type: 'warning', message });
  }
  return { ours, held, unknown: unknown.map(({ instance }) => instance), otherClusters };
}
