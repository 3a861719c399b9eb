import { MAX_GENERATIONS } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { retry } from '../context.ts';
import { withTimeout } from '../lib/clock.ts';
import { Failure } from '../lib/errors.ts';
import { type Hook, sendHeartbeat } from '../lifecycle/heartbeat.ts';
import { type DrainTask, refusalText, type TaskStarter } from './drain-task.ts';

/** All of it is over in 12 seconds: well inside the 30 that Fargate gives unless told otherwise. */
const START_TIMEOUT_MS = 8_000;
const ANSWER_TIMEOUT_MS = 4_000;

/**
 * Starts a task that goes on with this drain, and beats once more, so that it has a full heartbeat timeout to begin.
 *
 * @param task the drain as this task was told it, with its own generation
 * @param run tells this run from every other one, so that no two of them share a client token
 * @returns the successor's task
 * @throws Failure when there is none: this was the last generation, ECS refused it, or could not be asked
 */
export async function handOver(
  task: DrainTask,
  run: string,
  hooks: readonly Hook[],
  tasks: TaskStarter,
  context: Context,
): Promise<string> {
  const beats = hooks.map((hook) => sendHeartbeat(hook, 1, context));
  try {
    return await startSuccessor(task, run, tasks, context);
  } finally {
    await Promise.all(beats);
  }
}

async function startSuccessor(task: DrainTask, run: string, tasks: TaskStarter, context: Context): Promise<string> {
  const generation = task.generation + 1;
  if (generation > MAX_GENERATIONS) {
    throw new Failure(`this drain was handed over ${task.generation} times already, and is not handed over again`, {
      advice: 'see in the stop reasons of its tasks what stops them; the next sweep starts a new one',
    });
  }
  const successor = { ...task, generation };
  const token = `${task.instanceId}-${generation}-${run}`;
  const once = async () => {
    const placement = await withTimeout(
      context.clock,
      ANSWER_TIMEOUT_MS,
      (limited) => tasks.start(successor, 'hand-over', token, limited),
      context.signal,
    );
    if (placement.kind === 'started') return placement.task;
    throw new Failure(`ECS has no place for a successor: ${refusalText(placement)}`, { transient: true });
  };
  return retry({ what: 'start a successor', withinMs: START_TIMEOUT_MS }, once, context);
}
