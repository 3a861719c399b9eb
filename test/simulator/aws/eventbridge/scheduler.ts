import { randomBytes } from 'node:crypto';
import type { Stack } from '../cloudformation/stack.ts';
import type { Context } from '../context.ts';
import type { Task, TaskRefusal } from '../ecs/task.ts';
import { mapAt, textAt } from '../json.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { Execution } from '../stepfunctions/state-machines.ts';
import { runTaskInput, type TaskInvoker } from './ecs-target.ts';
import { inputOf, type Schedule, schedulesOf } from './schedule.ts';
import type { StateMachineInvoker } from './state-machine-target.ts';

/** One invocation of a schedule's target. */
export type ScheduleRun = {
  readonly schedule: string;
  /** Milliseconds since the epoch. */
  readonly scheduledAt: number;
  readonly answer: ScheduleAnswer;
};

/** What the target of a schedule answered: a task, an execution of a state machine, or why there is neither. */
export type ScheduleAnswer = Task | TaskRefusal | Execution;

/** EventBridge Scheduler. Schedules fire only after `start`, or when a test runs them. Failed invocations are not retried. */
export class Scheduler {
  readonly #invoker: TaskInvoker;
  readonly #stateMachines: StateMachineInvoker;
  readonly #context: Context;
  readonly #schedules = new Map<string, Schedule>();

  constructor(invoker: TaskInvoker, stateMachines: StateMachineInvoker, context: Context) {
    this.#invoker = invoker;
    this.#stateMachines = stateMachines;
    this.#context = context;
  }

  deploy(stack: Stack): void {
    for (const schedule of schedulesOf(stack, this.#context)) this.#schedules.set(schedule.name, schedule);
  }

  /**
   * Invokes the target of a schedule once, independently of the clock.
   * @throws Error if the schedule is unknown, ambiguous or disabled
   */
  run(idOrName: string | undefined, scheduledAt: number): ScheduleAnswer {
    const schedule = this.#find(idOrName);
    if (!schedule.isEnabled) throw new Error(`the schedule ${schedule.name} is DISABLED: it cannot run`);
    return this.#invoke(schedule, scheduledAt);
  }

  /** Invokes each enabled schedule every `everyMs`. Each invocation advances the scheduled time by the rate of the schedule. */
  start(everyMs: number, onRun: (run: ScheduleRun) => void): { stop(): void } {
    const startedAt = this.#context.now();
    let cancel = (): void => undefined;
    const invokeAll = (n: number): void => {
      for (const schedule of this.#schedules.values()) {
        if (!schedule.isEnabled) continue;
        const scheduledAt = startedAt + n * schedule.everyMs;
        onRun({ schedule: schedule.name, scheduledAt, answer: this.#invoke(schedule, scheduledAt) });
      }
      cancel = this.#context.timers.after(everyMs, () => invokeAll(n + 1));
    };
    cancel = this.#context.timers.after(everyMs, () => invokeAll(1));
    return { stop: () => cancel() };
  }

  #find(idOrName: string | undefined): Schedule {
    const all = [...this.#schedules.values()];
    const matching = all.filter(({ id, name }) => idOrName === undefined || idOrName === id || idOrName === name);
    const [schedule, ...others] = matching;
    if (schedule !== undefined && others.length === 0) return schedule;
    const names = all.map(({ name }) => name).join(', ') || 'none';
    throw new Error(`expected exactly one schedule named ${idOrName ?? '(any)'}; there are: ${names}`);
  }

  #invoke(schedule: Schedule, scheduledAt: number): ScheduleAnswer {
    const input = inputOf(schedule, { scheduledAt, executionId: randomBytes(8).toString('hex') });
    const arn = textAt(schedule.target, 'Arn');
    try {
      if (arn.split(':')[2] === 'states') return this.#stateMachines.invoke(arn, input, 'scheduler.amazonaws.com');
      const call = runTaskInput({
        cluster: arn,
        parameters: mapAt(schedule.target, 'EcsParameters'),
        startedBy: `chronos-schedule/${schedule.name}`,
        overrides: input,
      });
      return this.#invoker.invoke(call, 'scheduler.amazonaws.com');
    } catch (error) {
      if (error instanceof ServiceError) return { reason: `${error.code}: ${error.message}` };
      throw error;
    }
  }
}
