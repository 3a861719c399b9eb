import { clusterNameOf, isOfAnotherCluster } from './config/cluster-source.ts';
import type { SweepConfig } from './config/sweep-config.ts';
import { type Context, retry } from './context.ts';
import type { SweepCounts } from './events.ts';
import { toSeconds } from './lib/clock.ts';
import { explain, Failure, isBug } from './lib/errors.ts';
import { EX_SOFTWARE, Stopped, signalExitCode } from './outcome.ts';
import type { DrainTask, StartResult } from './run/drain-task.ts';
import type { InstanceInfo } from './run/ports.ts';

/**
 * One sweep, whatever becomes of it, summed up in one line.
 * @returns the exit code: 0 when it could look, whatever it started or could not; never rejects
 */
export async function runSweep(config: SweepConfig, ports: SweepPorts, context: Context): Promise<number> {
  const { clock, report } = context;
  const startedAt = clock.now();
  try {
    const found = await sweep(config, ports, context);
    const seconds = toSeconds(clock.now() - startedAt);
    report({
      type: 'sweep summary',
      cluster: clusterNameOf(config.cluster),
      summary: { ...found, seconds, exitCode: 0 },
    });
    return 0;
  } catch (error) {
    if (error instanceof Stopped) {
      report({ type: 'warning', message: `the sweep was ${error.message}; the next one starts what is missing` });
      return signalExitCode(error.signal);
    }
    report({ type: 'run failed', error });
    return isBug(error) ? EX_SOFTWARE : 1;
  }
}

/** An instance in Terminating:Wait. */
export type WaitingInstance = { readonly instanceId: string; readonly group: string };

/** The outside world of a sweep. Calls reject with a Failure. */
export type SweepPorts = {
  waiting(signal: AbortSignal): Promise<{ readonly groups: number; readonly instances: readonly WaitingInstance[] }>;
  /** Does the group have the hook? */
  hasHook(group: string, signal: AbortSignal): Promise<boolean>;
  /** The instances that a living task drains. */
  instancesWithTask(signal: AbortSignal): Promise<ReadonlySet<string>>;
  /** What EC2 knows of each instance. */
  describe(instanceIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, InstanceInfo>>;
  start(task: DrainTask, clientToken: string, signal: AbortSignal): Promise<StartResult>;
};

/** Each look is tried for so long; the next sweep comes in minutes. */
const LOOK_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 30_000;
/** After so many starts it is looked which of the others have a task by now. */
const LOOK_AGAIN_AFTER = 100;

/** RunTask is called ten times a second at the most: half of what ECS takes, the other half is for the rule. */
export const BETWEEN_STARTS_MS = 100;

/**
 * Starts a drain for every instance that waits in the hook and has none: its event was lost, its task was refused, or died.
 * @returns what was found and done; rejects with a Failure when it could not look, or with the reason of the signal
 */
export async function sweep(config: SweepConfig, ports: SweepPorts, context: Context): Promise<SweepCounts> {
  const { clock, report, signal } = context;
  const look = <T>(what: string, work: () => Promise<T>) => retry({ what, withinMs: LOOK_TIMEOUT_MS }, work, context);

  const { groups, instances } = await look('look for instances that wait', () => ports.waiting(signal));
  const { waiting, unseen } = await withHook(instances, context, (group) =>
    look(`describe the hooks of ${group}`, () => ports.hasHook(group, signal)),
  );
  // In this order: what has a task by the second look needs none.
  const drained = () => look('look for tasks', () => ports.instancesWithTask(signal));
  const found = { groups, waiting: waiting.length, withTask: 0, otherClusters: 0, started: 0, refused: 0 };
  let alone = waiting.length === 0 ? [] : without(waiting, await drained());
  if (alone.length > 0) {
    await clock.sleep(config.graceMs, signal);
    alone = without(alone, await drained());
  }
  found.withTask = waiting.length - alone.length;
  const ours = await ofThisCluster(alone, config, ports, context);
  found.otherClusters = alone.length - ours.length;

  const attempt = attemptOf(config.scheduledAt ?? clock.now());
  let known: ReadonlySet<string> = new Set();
  for (const [index, { instanceId, group }] of ours.entries()) {
    // Meanwhile the rule may have started some of them.
    if (index > 0 && index % LOOK_AGAIN_AFTER === 0) known = await drained();
    if (known.has(instanceId)) {
      found.withTask++;
      continue;
    }
    if (config.dryRun) {
      report({ type: 'task would start', instanceId, group });
      continue;
    }
    const task: DrainTask = { instanceId, action: { group, hook: config.hook }, generation: 0 };
    const placement = await start(task, `sweep-${instanceId}-${attempt}`, ports, context);
    if (placement.kind === 'started') {
      found.started++;
      report({ type: 'task started', instanceId, group, task: placement.task });
    } else {
      found.refused++;
      const { reason, detail } = placement;
      report({ type: 'task refused', instanceId, group, reason, ...(detail !== undefined && { detail }) });
    }
    await clock.sleep(BETWEEN_STARTS_MS, signal);
  }
  if (unseen.length > 0) throw new Failure(`the hooks of ${unseen.join(', ')} could not be seen`);
  return found;
}

/**
 * Part of the client token: a sweep that is delivered twice starts no task twice, the next sweep is another attempt.
 * @param time milliseconds since the epoch
 */
export function attemptOf(time: number): string {
  return new Date(time).toISOString().replace(/\D/g, '').slice(0, 14);
}

function without(instances: readonly WaitingInstance[], drained: ReadonlySet<string>): readonly WaitingInstance[] {
  return instances.filter(({ instanceId }) => !drained.has(instanceId));
}

/** One group that cannot be looked at, because it was just deleted for instance, keeps no other one waiting. */
async function withHook(
  instances: readonly WaitingInstance[],
  { report, signal }: Context,
  hasHook: (group: string) => Promise<boolean>,
): Promise<{ waiting: readonly WaitingInstance[]; unseen: readonly string[] }> {
  const hooked = new Set<string>();
  const unseen: string[] = [];
  for (const group of new Set(instances.map(({ group }) => group))) {
    try {
      if (await hasHook(group)) hooked.add(group);
    } catch (error) {
      if (signal.aborted || !(error instanceof Failure)) throw error;
      report({
        type: 'warning',
        message: `the hooks of ${group} cannot be seen; the other groups are looked after`,
        error,
      });
      unseen.push(group);
    }
  }
  return { waiting: instances.filter(({ group }) => hooked.has(group)), unseen };
}

/** EC2's word spares tasks that would only find out that they are not needed; without it they are started. */
async function ofThisCluster(
  instances: readonly WaitingInstance[],
  { cluster }: SweepConfig,
  ports: SweepPorts,
  { report, signal }: Context,
): Promise<readonly WaitingInstance[]> {
  if (cluster.kind !== 'eks' || instances.length === 0) return instances;
  try {
    const ids = instances.map(({ instanceId }) => instanceId);
    const known = await ports.describe(ids, signal);
    return instances.filter(({ instanceId }) => !isOfAnotherCluster(known.get(instanceId)?.clusters ?? [], cluster));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    report({
      type: 'warning',
      message: 'EC2 does not tell which instances are of this cluster; a task is started for each',
      error,
    });
    return instances;
  }
}

/** A start that fails is one that was refused: the next sweep tries again. */
async function start(task: DrainTask, clientToken: string, ports: SweepPorts, context: Context): Promise<StartResult> {
  try {
    const once = () => ports.start(task, clientToken, context.signal);
    return await retry({ what: `start a task for ${task.instanceId}`, withinMs: START_TIMEOUT_MS }, once, context);
  } catch (error) {
    if (context.signal.aborted || !(error instanceof Failure)) throw error;
    return { kind: 'refused', reason: explain(error) };
  }
}
