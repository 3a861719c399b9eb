import { clusterNameOf } from '../config/cluster-source.ts';
import type { Config } from '../config/drain-config.ts';
import { HOLD_TAG } from '../config/tags.ts';
import type { Context } from '../context.ts';
import { NodeGone } from '../drain/cluster.ts';
import type { Report, Totals } from '../events.ts';
import { type Clock, withTimeout } from '../lib/clock.ts';
import { isBug } from '../lib/errors.ts';
import { Stopwatch } from '../lib/stopwatch.ts';
import type { KnownAction } from '../lifecycle/action.ts';
import { ActionEnded, completeHook, type Hook, NoPendingAction } from '../lifecycle/heartbeat.ts';
import { becomesRetained, finishRetained } from '../lifecycle/retention.ts';
import { consequenceOf, EX_SOFTWARE, type LifecycleResult, type Outcome, Stopped } from '../outcome.ts';
import { drainTarget } from './drain-target.ts';
import type { DrainTask } from './drain-task.ts';
import { handOver } from './hand-over.ts';
import { LongDrain } from './long-drain.ts';
import { NotTerminating, withBelievableEnd } from './look-up-action.ts';
import type { Ports } from './ports.ts';
import { restoreAfterReturn } from './return.ts';
import { newRunState, type RunState } from './run-state.ts';
import { RunTotals } from './totals.ts';

/**
 * Runs one drain and always returns an exit code: drains the target, completes the hook as the outcome asks, and reports
 * one summary.
 *
 * @param runId tells this run from every other one
 */
export async function run(
  given: Config,
  ports: Ports,
  runId: string,
  { clock, report: outer, signal }: Context,
): Promise<number> {
  const totals = new RunTotals();
  const stopwatch = new Stopwatch(clock);
  const state = newRunState();
  const longDrain = new LongDrain();
  const report: Report = (event) => {
    totals.record(event, clock.now());
    outer(event);
    state.events?.record(event);
    const more = longDrain.eventAfter(event, state, clock.now());
    if (more !== undefined) report(more);
  };
  const config = withBelievableEnd(given, clock.now(), report);
  const ended = await drainTarget(config, ports, state, { clock, report, signal, stopwatch }).catch(outcomeOf);
  const outcome = await tryHandOver(ended, config, ports, state, runId, { clock, report });
  if ('error' in outcome) report({ type: 'run failed', error: outcome.error });
  if ('reason' in outcome) report({ type: 'nothing to do', reason: outcome.reason });

  const conditionsSet = state.conditions?.end(outcome, podsText(totals.totals(clock.now())));
  const { hookResult, exitCode: baseExitCode } = consequenceOf(outcome, config.policies);
  const { hook, exitCode } = await stopwatch.time('complete', () =>
    complete(config, ports, state, hookResult, baseExitCode, { clock, report }),
  );
  await conditionsSet;
  if (returns(config, state, outcome, hook)) {
    const restored = await stopwatch.time('return', () => restoreAfterReturn(config, ports, { clock, report, signal }));
    if (restored === 'stopped') {
      const next = await tryHandOver(stoppedBy(signal), config, ports, state, runId, { clock, report });
      if (next.kind !== 'handed over') report({ type: 'warning', message: 'stopped: the node may still be cordoned' });
    }
  }
  report({
    type: 'summary',
    summary: {
      result: outcome.kind,
      exitCode,
      hook,
      target: config.target.kind === 'instance' ? config.target.instanceId : config.target.name,
      targetKind: config.target.kind,
      reason: config.reason,
      cluster: clusterNameOf(state.source ?? config.cluster),
      // A run that failed before it found the action still knows what the event said.
      group: state.group ?? (config.target.kind === 'instance' ? config.target.action.group : undefined),
      lost: totals.lost(instanceHasEnded(config, outcome, hook, clock.now()), clock.now()),
      ...totals.totals(clock.now()),
      seconds: stopwatch.seconds(),
      apiRequests: { ...state.cluster?.requests },
    },
  });
  await state.events?.flush();
  await state.cluster?.close();
  return exitCode;
}

function podsText({ pods: { evicted, skipped, remaining } }: Totals): string {
  return `${evicted} pods evicted, ${skipped} skipped, ${remaining} remain`;
}

/** Does the instance end now, or has it ended? */
function instanceHasEnded(
  { target, instanceEndsAt = Number.POSITIVE_INFINITY }: Pick<Config, 'target' | 'instanceEndsAt'>,
  { kind }: Outcome,
  hook: HooksCompleted['hook'],
  now: number,
): boolean {
  if (hook === 'CONTINUE' || hook === 'ABANDON' || kind === 'action ended') return true;
  return target.kind === 'instance' && (kind === 'no node' || now >= instanceEndsAt);
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof Stopped) return { kind: 'stopped', signal: error.signal };
  if (error instanceof NoPendingAction) return { kind: 'no pending action', reason: error.message };
  if (error instanceof ActionEnded) return { kind: 'action ended' };
  if (error instanceof NodeGone) return { kind: 'no node' };
  if (error instanceof NotTerminating) return { kind: 'not terminating', error };
  return { kind: isBug(error) ? 'bug' : 'failed', error };
}

/** A run stopped by SIGTERM starts a successor, where it knows how. A person who stops a run at a terminal means it. */
async function tryHandOver(
  outcome: Outcome,
  config: Config,
  ports: Ports,
  state: RunState,
  runId: string,
  context: Omit<Context, 'signal'>,
): Promise<Outcome> {
  const { target, generation, dryRun, force, reason, instanceEndsAt } = config;
  const { successors } = ports;
  if (outcome.kind !== 'stopped' || outcome.signal !== 'SIGTERM') return outcome;
  if (successors === undefined || target.kind !== 'instance' || dryRun || force) return outcome;
  const { clock, report } = context;
  const signal = new AbortController().signal;
  try {
    if (await isHeld(target.instanceId, ports, clock)) return { kind: 'held', reason: `it has the tag ${HOLD_TAG}` };
    const { hooks, actionStartedAt, taskStartedAt = clock.now(), drainStartedAt = config.drainStartedAt } = state;
    const task: DrainTask = {
      instanceId: target.instanceId,
      action: state.retained ? withoutStart(target.action) : { ...target.action, ...startOf(actionStartedAt) },
      ...(reason !== 'termination' && { reason }),
      ...(instanceEndsAt !== undefined && { instanceEndsAt }),
      ...(drainStartedAt !== undefined && { drainStartedAt }),
      generation,
    };
    const ranMs = clock.now() - taskStartedAt;
    const successor = await handOver(task, ranMs, runId, hooks, successors, { clock, report, signal });
    report({ type: 'handed over', task: successor, generation: generation + 1 });
    return { kind: 'handed over', task: successor };
  } catch (error) {
    report({ type: 'hand-over failed', error });
    return isBug(error) ? { kind: 'bug', error } : outcome;
  }
}

/** The action of a retained instance is over. */
function withoutStart({ startedAt: _, ...action }: KnownAction): KnownAction {
  return action;
}

function startOf(startedAt: number | undefined): Pick<KnownAction, 'startedAt'> {
  return startedAt === undefined ? {} : { startedAt };
}

/** How long a stopped task asks EC2 whether an operator has stopped the drain. */
const HOLD_TIMEOUT_MS = 2_000;

/** EC2 does not say: not held. */
async function isHeld(instanceId: string, ports: Ports, clock: Clock): Promise<boolean> {
  const describe = (signal: AbortSignal) => ports.describeInstance(instanceId, signal);
  try {
    return (await withTimeout(clock, HOLD_TIMEOUT_MS, describe))?.isHeld ?? false;
  } catch (error) {
    if (isBug(error)) throw error;
    return false;
  }
}

/** Ends an instance that its group retains, when its drain has succeeded; otherwise it stays, for people to look at. */
async function endRetained(
  { target }: Config,
  { actions }: Ports,
  { group = '' }: RunState,
  result: LifecycleResult | undefined,
  baseExitCode: number,
  context: Context,
): Promise<HooksCompleted> {
  if (target.kind === 'node' || result !== 'CONTINUE') return { hook: 'not completed', exitCode: baseExitCode };
  try {
    await finishRetained(actions, target.instanceId, group, target.action.hook, context);
    return { hook: result, exitCode: baseExitCode };
  } catch (error) {
    context.report({ type: 'run failed', error });
    return { hook: 'failed', exitCode: isBug(error) ? EX_SOFTWARE : 1 };
  }
}

/** Does the instance enter service again now, with a new root volume? */
function returns(
  { target }: Pick<Config, 'target'>,
  { isReplacement }: RunState,
  { kind }: Outcome,
  hook: HooksCompleted['hook'],
): boolean {
  if (isReplacement) return hook === 'CONTINUE' || hook === 'ABANDON' || kind === 'action ended';
  // The task of a drain that is over: its predecessor may have been stopped while it waited for the return.
  const isOver = kind === 'no pending action' || kind === 'drained by peer';
  return isOver && target.kind === 'instance' && target.action.destination === 'AutoScalingGroup';
}

function stoppedBy({ reason }: AbortSignal): Outcome {
  return { kind: 'stopped', signal: reason instanceof Stopped ? reason.signal : 'SIGTERM' };
}

/** Completes the hooks, or ends the instance that its group retains. */
async function complete(
  config: Config,
  ports: Ports,
  state: RunState,
  result: LifecycleResult | undefined,
  baseExitCode: number,
  context: Omit<Context, 'signal'>,
): Promise<HooksCompleted> {
  const { target } = config;
  const unlimited = { ...context, signal: new AbortController().signal };
  // The last pod left right after the action was ended with ABANDON.
  if (state.abandoned && !state.retained && target.kind === 'instance' && result === 'CONTINUE') {
    state.retained = await becomesRetained(ports.actions, target.instanceId, unlimited).catch(() => false);
  }
  if (state.retained) return endRetained(config, ports, state, result, baseExitCode, unlimited);
  return completeHooks(state.hooks, result, baseExitCode, context);
}

type HooksCompleted = {
  /** The result that all hooks were completed with, or why they were not. */
  readonly hook: LifecycleResult | 'none' | 'not completed' | 'failed';
  readonly exitCode: number;
};

/** Completes the hooks. A drain that succeeded, but could not complete its hook, exits with 1. */
async function completeHooks(
  hooks: readonly Hook[],
  result: LifecycleResult | undefined,
  baseExitCode: number,
  context: Omit<Context, 'signal'>,
): Promise<HooksCompleted> {
  if (hooks.length === 0) return { hook: 'none', exitCode: baseExitCode };
  if (result === undefined) {
    for (const { name } of hooks) context.report({ type: 'hook not completed', hook: name });
    return { hook: 'not completed', exitCode: baseExitCode };
  }
  try {
    const completed = await Promise.all(hooks.map((hook) => completeHook(hook, result, context)));
    if (completed.every(Boolean)) return { hook: result, exitCode: baseExitCode };
    return { hook: 'failed', exitCode: baseExitCode === 0 ? 1 : baseExitCode };
  } catch (error) {
    context.report({ type: 'run failed', error });
    return { hook: 'failed', exitCode: EX_SOFTWARE };
  }
}
