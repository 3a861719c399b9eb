import type { SweepConfig } from '../config/sweep-config.ts';
import { type Context, retry } from '../context.ts';
import { explain, Failure } from '../lib/errors.ts';
import { type DrainTask, refusalText, type StartResult } from '../run/drain-task.ts';
import { lookUp } from './look-up.ts';
import type { DrainTasks, SweepPorts, SweptInstance } from './ports.ts';

/** At most ten RunTask calls a second: half of the quota of ECS. The other half is for the EventBridge rule. */
export const START_INTERVAL_MS = 100;

/** A call that fails is retried within its turn for this long, then in the next round. */
const START_TIMEOUT_MS = 3_000;

/** After this many calls, the sweep checks again which of the other instances have a task by now. */
const RECHECK_AFTER_CALLS = 50;

/** After this many failed calls in a row, ECS is away, and the rest of the round would only prolong the sweep. */
const MAX_FAILURES_IN_A_ROW = 5;

/** Capacity and quotas come back within minutes; the hook of an instance that waits for the next sweep may end before. */
const ROUND_INTERVAL_MS = 30_000;
const ROUNDS_MS = 5 * 60_000;

/** One instance is not started more than once in this time: a task that fails at once would be started, and paid, every minute. */
export const MIN_RESTART_MS = 5 * 60_000;

/** The log names this many instances of each reason. */
const MAX_NAMED_INSTANCES = 10;

export type StartCounts = {
  /** Instances that got a task from this sweep. */
  readonly started: number;
  /** Instances that still have none at its end. */
  readonly refused: number;
  /** Instances that have a task by others. */
  readonly withTask: number;
  readonly recentlyStarted: number;
};

/**
 * Starts one task for each instance that has none. Each round goes by what ECS shows then, not by what this sweep has done: a
 * task that was started by an event in the meantime, or by a call without an answer, is not started again.
 */
export class StartTasks {
  readonly #config: SweepConfig;
  readonly #ports: SweepPorts;
  readonly #context: Context;
  readonly #scheduledAt: number;
  /** The instances without a task, as far as this sweep knows. */
  #left: readonly SweptInstance[];
  #started = 0;
  #withTask = 0;
  #recentlyStarted = 0;
  /** The reasons that were reported. */
  readonly #reported = new Set<string>();

  constructor(instances: readonly SweptInstance[], config: SweepConfig, ports: SweepPorts, context: Context) {
    this.#left = instances;
    this.#config = config;
    this.#ports = ports;
    this.#context = context;
    this.#scheduledAt = config.scheduledAt ?? context.clock.now();
  }

  get counts(): StartCounts {
    const refused = this.#config.dryRun ? 0 : this.#left.length;
    return {
      started: this.#started,
      refused,
      withTask: this.#withTask,
      recentlyStarted: this.#recentlyStarted,
    };
  }

  /** Gives events some time to start tasks, and then tries each instance once. */
  async firstRound(): Promise<void> {
    const { clock, report, signal } = this.#context;
    await this.#removeStarted();
    if (this.#left.length === 0) return;
    await clock.sleep(this.#config.graceMs, signal);
    await this.#removeStarted();
    if (this.#config.dryRun) {
      for (const { instanceId, group } of this.#left) report({ type: 'task would start', instanceId, group });
    } else {
      await this.#round((instanceId) => clientTokenOf(instanceId, this.#scheduledAt));
    }
  }

  /** Tries those again that are still without a task, until all have one or the time is up. */
  async otherRounds(): Promise<void> {
    if (this.#config.dryRun) return;
    const { clock, signal } = this.#context;
    const until = clock.now() + ROUNDS_MS;
    while (this.#left.length > 0 && clock.now() + ROUND_INTERVAL_MS <= until) {
      await clock.sleep(ROUND_INTERVAL_MS, signal);
      await this.#removeStarted();
      await this.#round((instanceId) => retryTokenOf(instanceId, clock.now()));
    }
  }

  async #removeStarted(): Promise<void> {
    if (this.#left.length === 0) return;
    const tasks = await this.#lookUpTasks();
    this.#left = this.#left.filter((instance) => !this.#isStarted(instance, tasks));
  }

  /** Counts an instance that needs no task. */
  #isStarted({ instanceId }: SweptInstance, { running, createdAt }: DrainTasks): boolean {
    const now = this.#context.clock.now();
    if (running.has(instanceId)) this.#withTask++;
    else if (now - (createdAt.get(instanceId) ?? Number.NEGATIVE_INFINITY) < MIN_RESTART_MS) this.#recentlyStarted++;
    else return false;
    return true;
  }

  async #lookUpTasks(): Promise<DrainTasks> {
    return lookUp('list the tasks', (signal) => this.#ports.drainTasks(signal), this.#context);
  }

  async #round(tokenOf: (instanceId: string) => string): Promise<void> {
    const { clock, report, signal } = this.#context;
    const without: SweptInstance[] = [];
    const refusals = new Map<string, { readonly result: Refusal; readonly instanceIds: string[] }>();
    let tasks: DrainTasks | undefined;
    let failuresInARow = 0;
    let calls = 0;
    for (const instance of this.#left) {
      const { instanceId, group } = instance;
      if (failuresInARow >= MAX_FAILURES_IN_A_ROW) {
        without.push(instance);
        continue;
      }
      // The EventBridge rule, and other sweeps, start tasks at the same time.
      if (calls > 0 && calls % RECHECK_AFTER_CALLS === 0) tasks = await this.#lookUpTasks();
      if (tasks !== undefined && this.#isStarted(instance, tasks)) continue;
      calls++;
      const task: DrainTask = { instanceId, action: { group, hook: this.#config.hook }, generation: 0 };
      const { failed, result } = await this.#start(task, tokenOf(instanceId));
      failuresInARow = failed ? failuresInARow + 1 : 0;
      if (result.kind === 'started') {
        this.#started++;
        report({ type: 'task started', instanceId, group, task: result.task });
      } else {
        without.push(instance);
        const text = refusalText(result).replaceAll(instanceId, 'i-…');
        const known = refusals.get(text);
        if (known === undefined) refusals.set(text, { result, instanceIds: [instanceId] });
        else known.instanceIds.push(instanceId);
      }
      await clock.sleep(START_INTERVAL_MS, signal);
    }
    this.#left = without;
    this.#reportRefusals(refusals);
  }

  /** The same fault of a hundred instances is one line, and not one more in each round. */
  #reportRefusals(refusals: ReadonlyMap<string, { readonly result: Refusal; readonly instanceIds: string[] }>): void {
    for (const [text, { result, instanceIds }] of refusals) {
      if (this.#reported.has(text)) continue;
      this.#reported.add(text);
      const { reason, detail } = result;
      this.#context.report({
        type: 'task refused',
        reason,
        ...(detail !== undefined && { detail }),
        count: instanceIds.length,
        instanceIds: instanceIds.slice(0, MAX_NAMED_INSTANCES),
      });
    }
  }

  /** A failed call is like a refusal: the next round tries again. */
  async #start(task: DrainTask, clientToken: string): Promise<{ failed: boolean; result: StartResult }> {
    const { signal } = this.#context;
    const options = { what: 'start a task', withinMs: START_TIMEOUT_MS };
    try {
      const start = () => this.#ports.startTask(task, clientToken, signal);
      return { failed: false, result: await retry(options, start, this.#context) };
    } catch (error) {
      if (signal.aborted || !(error instanceof Failure)) throw error;
      return { failed: true, result: { kind: 'refused', reason: explain(error) } };
    }
  }
}

type Refusal = Extract<StartResult, { kind: 'refused' }>;

/**
 * The client token of an instance in the first round of a sweep: a sweep that is delivered twice starts no second task, the
 * next sweep does.
 * @param scheduledAt milliseconds since the epoch
 * @returns at most 64 characters
 */
export function clientTokenOf(instanceId: string, scheduledAt: number): string {
  return `sweep-${instanceId}-${digits(scheduledAt)}`;
}

/**
 * The token of a later round. Not that of the first one: ECS answers a token that it knows with the original response, which may
 * have been a refusal (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html). Sweeps that retry at the
 * same time share it, so that one of them starts the task.
 */
function retryTokenOf(instanceId: string, now: number): string {
  return `retry-${instanceId}-${digits(now - (now % ROUND_INTERVAL_MS))}`;
}

/** `20260301100500` */
function digits(at: number): string {
  return new Date(at).toISOString().replace(/\D/g, '').slice(0, 14);
}
