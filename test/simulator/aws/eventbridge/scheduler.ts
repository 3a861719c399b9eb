import { randomBytes } from 'node:crypto';
import type { Stack } from '../cloudformation/stack.ts';
import type { Context } from '../context.ts';
import type { Task, TaskRefusal } from '../ecs/task.ts';
import { mapAt, textAt } from '../json.ts';
import { ServiceError } from '../protocol/errors.ts';
import { runTaskInput } from './ecs-target.ts';
import { inputOf, type Schedule, schedulesOf } from './schedule.ts';
import type { TaskInvoker } from './task-invoker.ts';

/** One invocation of a schedule's target. */
export type ScheduleRun = {
  readonly schedule: string;
  /** Milliseconds since the epoch. */
  readonly scheduledAt: number;
  readonly answer: Task | TaskRefusal;
};

/** EventBridge Scheduler. Nothing fires by itself until somebody starts it. A failed invocation is not tried again. */
export class Scheduler {
  readonly #invoker: TaskInvoker;
  readonly #context: Context;
  readonly #schedules = new Map<string, Schedule>();

  constructor(invoker: TaskInvoker, context: Context) {
    this.#invoker = invoker;
    this.#context = context;
  }

  deploy(stack: Stack): void {
    for (const schedule of schedulesOf(stack, this.#context)) this.#schedules.set(schedule.name, schedule);
  }

  /**
   * Invokes a schedule's target once, whatever the time is.
   * @throws Error if there is no such schedule, if it is not clear which is meant, or if it is disabled
   */
  run(idOrName: string | undefined, scheduledAt: number): Task | TaskRefusal {
    const schedule = this.#find(idOrName);
    if (!schedule.isEnabled) throw new Error(`the schedule ${schedule.name} is DISABLED: it never fires`);
    return this.#invoke(schedule, scheduledAt);
  }

  /** Invokes each enabled schedule every `everyMs`; its scheduled time goes on by its own rate, beginning with now. */
  start(everyMs: number, heard: (run: ScheduleRun) => void): { stop(): void } {
    const begin = this.#context.now();
    let cancel = (): void => undefined;
    const round = (n: number): void => {
      for (const schedule of this.#schedules.values()) {
        if (!schedule.isEnabled) continue;
        const scheduledAt = begin + n * schedule.everyMs;
        heard({ schedule: schedule.name, scheduledAt, answer: this.#invoke(schedule, scheduledAt) });
      }
      cancel = this.#context.timers.after(everyMs, () => round(n + 1));
    };
    cancel = this.#context.timers.after(everyMs, () => round(1));
    return { stop: () => cancel() };
  }

  #find(idOrName: string | undefined): Schedule {
    const all = [...this.#schedules.values()];
    const found = all.filter(({ id, name }) => idOrName === undefined || idOrName === id || idOrName === name);
    const [schedule, ...others] = found;
    if (schedule !== undefined && others.length === 0) return schedule;
    const names = all.map(({ name }) => name).join(', ') || 'none';
    throw new Error(`not exactly one schedule is called ${idOrName ?? '(no name given)'}; there are: ${names}`);
  }

  #invoke(schedule: Schedule, scheduledAt: number): Task | TaskRefusal {
    const overrides = inputOf(schedule, { scheduledAt, executionId: randomBytes(8).toString('hex') });
    const call = runTaskInput({
      cluster: textAt(schedule.target, 'Arn'),
      parameters: mapAt(schedule.target, 'EcsParameters'),
      startedBy: `chronos-schedule/${schedule.name}`,
      overrides,
    });
    try {
      return this.#invoker.invoke(call, 'scheduler.amazonaws.com');
    } catch (error) {
      if (error instanceof ServiceError) return { reason: `${error.code}: ${error.message}` };
      throw error;
    }
  }
}
