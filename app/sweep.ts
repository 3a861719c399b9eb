import { clusterNameOf, isOfOtherCluster } from './config/cluster-source.ts';
import type { SweepConfig } from './config/sweep-config.ts';
import { type Context, retry } from './context.ts';
import type { SweepCounts } from './events.ts';
import { toSeconds } from './lib/clock.ts';
import { explain, Failure, isBug } from './lib/errors.ts';
import { EX_SOFTWARE, Stopped, signalExitCode } from './outcome.ts';
import type { DrainTask, StartResult } from './run/drain-task.ts';
import type { InstanceInfo } from './run/instance.ts';

/** An instance in Terminating:Wait. */
export type WaitingInstance = { readonly instanceId: string; readonly group: string };

/** `groups`: how many Auto Scaling groups were checked. */
export type WaitingInstances = { readonly groups: number; readonly instances: readonly WaitingInstance[] };

/** AWS, as a sweep needs it. Calls reject with a Failure. */
export type SweepPorts = {
  waitingInstances(signal: AbortSignal): Promise<WaitingInstances>;
  /** Does the group have the terminating hook that this sweep is for? */
  hasHook(group: string, signal: AbortSignal): Promise<boolean>;
  /** The instances that a pending or running task drains. */
  instancesWithTask(signal: AbortSignal): Promise<ReadonlySet<string>>;
  describeInstances(instanceIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, InstanceInfo>>;
  startTask(task: DrainTask, clientToken: string, signal: AbortSignal): Promise<StartResult>;
};

/** Each lookup is retried for this long; the next sweep follows in minutes. */
const LOOKUP_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 30_000;

/** At most ten RunTask calls a second: half of the quota of ECS. The other half is for the EventBridge rule. */
export const START_INTERVAL_MS = 100;

/** After this many starts, the sweep checks again which of the other instances have a task by now. */
const RECHECK_AFTER_STARTS = 100;

/**
 * Runs one sweep, and always reports one summary or failure.
 * @returns the exit code: 0 when every group was checked, even if tasks could not be started; never rejects
 */
export async function runSweep(config: SweepConfig, ports: SweepPorts, context: Context): Promise<number> {
  const { clock, report } = context;
  const startedAt = clock.now();
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
 * task ended early.
 * @throws Failure when a lookup failed; the reason of the signal
 */
async function sweep(config: SweepConfig, ports: SweepPorts, context: Context): Promise<SweepCounts> {
  const { groups, instances } = await lookUp(
    'find the waiting instances',
    (signal) => ports.waitingInstances(signal),
    context,
  );
  const { waiting, failedGroups } = await waitingInHook(instances, ports, context);
  const withoutTask = await instancesWithoutTask(waiting, config.graceMs, ports, context);
  const ours = await instancesOfCluster(withoutTask, config, ports, context);
  const { started, refused, startedElsewhere } = await startTasks(ours, config, ports, context);
  if (failedGroups.length > 0) {
    throw new Failure(`could not check the instances of ${failedGroups.join(', ')}: their lifecycle hooks are unknown`);
  }
  return {
    groups,
    waiting: waiting.length,
    withTask: waiting.length - withoutTask.length + startedElsewhere,
    otherClusters: withoutTask.length - ours.length,
    started,
    refused,
  };
}

async function lookUp<T>(what: string, work: (signal: AbortSignal) => Promise<T>, context: Context): Promise<T> {
  return retry({ what, withinMs: LOOKUP_TIMEOUT_MS }, () => work(context.signal), context);
}

/** A group whose hooks cannot be described, for instance because it was just deleted, must not stop the sweep of the others. */
async function waitingInHook(
  instances: readonly WaitingInstance[],
  ports: SweepPorts,
  context: Context,
): Promise<{ waiting: readonly WaitingInstance[]; failedGroups: readonly string[] }> {
  const groupsWithHook = new Set<string>();
  const failedGroups: string[] = [];
  for (const group of new Set(instances.map(({ group }) => group))) {
    try {
      const hasHook = (signal: AbortSignal) => ports.hasHook(group, signal);
      if (await lookUp(`describe the lifecycle hooks of ${group}`, hasHook, context)) groupsWithHook.add(group);
    } catch (error) {
      if (context.signal.aborted || !(error instanceof Failure)) throw error;
      context.report({
        type: 'warning',
        message: `could not check the instances of ${group}; the sweep continues with the other groups`,
        error,
      });
      failedGroups.push(group);
    }
  }
  return { waiting: instances.filter(({ group }) => groupsWithHook.has(group)), failedGroups };
}

/** Gives an instance without a task some time for its event to start one: a second task would only cost money. */
async function instancesWithoutTask(
  waiting: readonly WaitingInstance[],
  graceMs: number,
  ports: SweepPorts,
  context: Context,
): Promise<readonly WaitingInstance[]> {
  const withoutTask = await excludeThoseWithTask(waiting, ports, context);
  if (withoutTask.length === 0) return withoutTask;
  await context.clock.sleep(graceMs, context.signal);
  return excludeThoseWithTask(withoutTask, ports, context);
}

async function excludeThoseWithTask(
  instances: readonly WaitingInstance[],
  ports: SweepPorts,
  context: Context,
): Promise<readonly WaitingInstance[]> {
  if (instances.length === 0) return instances;
  const withTask = await lookUpTasks(ports, context);
  return instances.filter(({ instanceId }) => !withTask.has(instanceId));
}

async function lookUpTasks(ports: SweepPorts, context: Context): Promise<ReadonlySet<string>> {
  return lookUp('list the running tasks', (signal) => ports.instancesWithTask(signal), context);
}

/** Skips instances of other EKS clusters, whose tasks would only find that there is nothing to do. Best effort. */
async function instancesOfCluster(
  instances: readonly WaitingInstance[],
  { cluster }: SweepConfig,
  ports: SweepPorts,
  { report, signal }: Context,
): Promise<readonly WaitingInstance[]> {
  if (cluster.kind !== 'eks' || instances.length === 0) return instances;
  try {
    const ids = instances.map(({ instanceId }) => instanceId);
    const described = await ports.describeInstances(ids, signal);
    return instances.filter(({ instanceId }) => !isOfOtherCluster(described.get(instanceId)?.clusters ?? [], cluster));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    report({
      type: 'warning',
      message: 'could not look up which clusters the instances belong to; starting a task for each of them',
      error,
    });
    return instances;
  }
}

type StartCounts = { readonly started: number; readonly refused: number; readonly startedElsewhere: number };

async function startTasks(
  instances: readonly WaitingInstance[],
  config: SweepConfig,
  ports: SweepPorts,
  context: Context,
): Promise<StartCounts> {
  const { clock, report, signal } = context;
  const scheduledAt = config.scheduledAt ?? clock.now();
  const counts = { started: 0, refused: 0, startedElsewhere: 0 };
  let withTask: ReadonlySet<string> = new Set();
  for (const [index, { instanceId, group }] of instances.entries()) {
    // The EventBridge rule starts tasks in parallel.
    if (index > 0 && index % RECHECK_AFTER_STARTS === 0) withTask = await lookUpTasks(ports, context);
    if (withTask.has(instanceId)) {
      counts.startedElsewhere++;
      continue;
    }
    if (config.dryRun) {
      report({ type: 'task would start', instanceId, group });
      continue;
    }
    const task: DrainTask = { instanceId, action: { group, hook: config.hook }, generation: 0 };
    const result = await startTask(task, clientTokenOf(instanceId, scheduledAt), ports, context);
    if (result.kind === 'started') {
      counts.started++;
      report({ type: 'task started', instanceId, group, task: result.task });
    } else {
      counts.refused++;
      const { reason, detail } = result;
      report({ type: 'task refused', instanceId, group, reason, ...(detail !== undefined && { detail }) });
    }
    await clock.sleep(START_INTERVAL_MS, signal);
  }
  return counts;
}

/** Reports a failed start like a refused one: the next sweep tries again. */
async function startTask(
  task: DrainTask,
  clientToken: string,
  ports: SweepPorts,
  context: Context,
): Promise<StartResult> {
  const { signal } = context;
  const options = { what: `start a task for ${task.instanceId}`, withinMs: START_TIMEOUT_MS };
  try {
    return await retry(options, () => ports.startTask(task, clientToken, signal), context);
  } catch (error) {
    if (signal.aborted || !(error instanceof Failure)) throw error;
    return { kind: 'refused', reason: explain(error) };
  }
}

/**
 * The client token of an instance in one sweep: a sweep that is delivered twice starts no second task, the next sweep does.
 * @param scheduledAt milliseconds since the epoch
 * @returns at most 64 characters
 */
export function clientTokenOf(instanceId: string, scheduledAt: number): string {
  const seconds = new Date(scheduledAt).toISOString().replace(/\D/g, '').slice(0, 14);
  return `sweep-${instanceId}-${seconds}`;
}
