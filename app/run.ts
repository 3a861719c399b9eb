import type { Clock } from './clock.ts';
import { clusterNameOf } from './config/cluster-source.ts';
import type { Config } from './config/drain-config.ts';
import { NodeGone } from './drain/cluster.ts';
import { handOver } from './hand-over.ts';
import { emptyHanded, type Holdings } from './holdings.ts';
import { ActionEnded, complete, type Hook } from './lifecycle.ts';
import { consequenceOf, type LifecycleResult, type Outcome } from './outcome.ts';
import type { Ports } from './ports.ts';
import type { Report } from './report/event.ts';
import { Tally } from './report/tally.ts';
import { Stopped } from './stopped.ts';
import { Stopwatch } from './stopwatch.ts';
import type { Surroundings } from './surroundings.ts';
import { drainTarget, NotTerminating } from './worker.ts';

/**
 * One run, whatever becomes of it: drain the target, tell the hook what followed, sum up in one line.
 *
 * @param runId tells this run from every other one
 * @returns the exit code; never rejects
 */
export async function run(
  config: Config,
  ports: Ports,
  runId: string,
  { clock, report: tell, signal }: Surroundings,
): Promise<number> {
  const tally = new Tally();
  const stopwatch = new Stopwatch(clock);
  const report: Report = (event) => {
    tally.saw(event, clock.now());
    tell(event);
    holdings.events?.note(event);
  };
  const holdings = emptyHanded();
  const ended = await drainTarget(config, ports, holdings, { clock, report, signal, stopwatch }).catch(outcomeOf);
  const outcome = await orHandedOver(ended, config, ports, holdings, runId, { clock, report });
  if ('error' in outcome) report({ type: 'failed', error: outcome.error });
  if ('why' in outcome) report({ type: 'nothing to do', why: outcome.why });

  const { hook, exitCode: owed } = consequenceOf(outcome, config.policies);
  const told = await stopwatch.time('complete', () => tellHooks(holdings.hooks, hook, { clock, report }));
  const exitCode = told === 'failed' && owed === 0 ? 1 : owed;
  report({
    type: 'summary',
    summary: {
      result: outcome.kind,
      exitCode,
      hook: told,
      target: config.target.kind === 'instance' ? config.target.instanceId : config.target.name,
      targetKind: config.target.kind,
      cluster: clusterNameOf(config.cluster),
      // A run that failed before it found the action still knows what the event said.
      group: holdings.group ?? (config.target.kind === 'instance' ? config.target.action.group : undefined),
      lost: tally.lost({ completed: told === 'CONTINUE' || told === 'ABANDON', outcome: outcome.kind }, clock.now()),
      ...tally.figures(clock.now()),
      seconds: stopwatch.seconds(),
      apiRequests: { ...holdings.cluster?.requests },
    },
  });
  await holdings.events?.flush();
  await holdings.cluster?.close();
  return exitCode;
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof Stopped) return { kind: 'stopped', by: error.by };
  if (error instanceof ActionEnded) return { kind: 'action ended' };
  if (error instanceof NodeGone) return { kind: 'no node' };
  if (error instanceof NotTerminating) return { kind: 'not terminating', error };
  return { kind: 'failed', error };
}

/** Whoever is told to stop lets a successor go on, where there is a place for one. A person at a terminal is believed. */
async function orHandedOver(
  outcome: Outcome,
  config: Config,
  { successors }: Ports,
  holdings: Holdings,
  runId: string,
  context: { clock: Clock; report: Report },
): Promise<Outcome> {
  const { target, generation, dryRun, force } = config;
  if (outcome.kind !== 'stopped' || outcome.by !== 'SIGTERM') return outcome;
  if (successors === undefined || target.kind !== 'instance' || dryRun || force) return outcome;
  try {
    const { instanceId } = target;
    const { hooks, actionBeganAt, drainBeganAt = config.drainBeganAt } = holdings;
    const action = { ...(actionBeganAt !== undefined && { beganAt: actionBeganAt }), ...target.action };
    const never = new AbortController().signal;
    const own = { instanceId, action, ...(drainBeganAt !== undefined && { drainBeganAt }), generation };
    const task = await handOver(own, runId, hooks, successors, { ...context, signal: never });
    context.report({ type: 'handed over', task, generation: generation + 1 });
    return { kind: 'handed over', task };
  } catch (error) {
    context.report({ type: 'hand-over failed', error });
    return outcome;
  }
}

/** What became of the hooks: the result they were told, or why they were not. */
async function tellHooks(
  hooks: readonly Hook[],
  result: LifecycleResult | undefined,
  context: { clock: Clock; report: Report },
): Promise<LifecycleResult | 'none' | 'left alone' | 'failed'> {
  if (hooks.length === 0) return 'none';
  if (result === undefined) {
    for (const { name } of hooks) context.report({ type: 'hook left alone', hook: name });
    return 'left alone';
  }
  const completed = await Promise.all(hooks.map((hook) => complete(hook, result, context)));
  return completed.every(Boolean) ? result : 'failed';
}
