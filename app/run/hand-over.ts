import { MAX_GENERATIONS } from '../config/settings.ts';
import { type Context, retry } from '../context.ts';
import { withTimeout } from '../lib/clock.ts';
import { Failure } from '../lib/errors.ts';
import { type Hook, sendHeartbeat } from '../lifecycle/heartbeat.ts';
import { type DrainTask, refusalText, type TaskStarter } from './drain-task.ts';

/** Prevents a restart loop when tasks are stopped repeatedly. */
const MIN_TASK_MS = 300_000;

/** Together 12 seconds: well inside the 30 between SIGTERM and SIGKILL that are Fargate's default. */
const START_TIMEOUT_MS = 8_000;
const RESPONSE_TIMEOUT_MS = 4_000;

/**
 * Starts the task that continues this drain, and sends one more heartbeat, so that it has a full heartbeat timeout to start.
 *
 * @param task the drain as this task knows it, with its own generation
 * @param ranMs how long this task has run
 * @param runId tells this run from every other one: no two of them share a client token
 * @returns the ARN of the successor
 * @throws Failure when there is none: this was the last generation, or ECS refused it or failed
 */
export async function handOver(
  task: DrainTask,
  ranMs: number,
  runId: string,
  hooks: readonly Hook[],
  tasks: TaskStarter,
  context: Context,
): Promise<string> {
  const heartbeats = hooks.map((hook) => sendHeartbeat(hook, 1, context));
  try {
    return await startSuccessor(task, ranMs, runId, tasks, context);
  } finally {
    await Promise.all(heartbeats);
  }
}

async function startSuccessor(
  task: DrainTask,
  ranMs: number,
  runId: string,
  tasks: TaskStarter,
  context: Context,
): Promise<string> {
  const generation = task.generation + 1;
  if (generation > MAX_GENERATIONS) {
    throw new Failure(`this drain has been handed over ${task.generation} times; not handing it over again`, {
      advice: 'read the stop reasons of its tasks to find out what stops them; the next sweep starts a new task',
    });
  }
  if (task.generation > 0 && ranMs < MIN_TASK_MS) {
    throw new Failure(
      `this task and its predecessor were stopped; not starting a third one within ${MIN_TASK_MS / 60_000} minutes`,
      {
        advice: 'read the stop reasons of its tasks to find out what stops them; a sweep starts the next one',
      },
    );
  }
  const clientToken = `${task.instanceId}-${generation}-${runId}`;
  const start = (signal: AbortSignal) => tasks.start({ ...task, generation }, 'hand-over', clientToken, signal);
  const startOnce = async () => {
    const result = await withTimeout(context.clock, RESPONSE_TIMEOUT_MS, start, context.signal);
    if (result.kind === 'started') return result.task;
    throw new Failure(`ECS refused to start a successor: ${refusalText(result)}`, { transient: true });
  };
  return retry({ what: 'start a successor', withinMs: START_TIMEOUT_MS }, startOnce, context);
}
