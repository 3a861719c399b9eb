import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import type { LaunchedTask } from '../simulator/aws/task.ts';
import { type Ended, Program } from './program.ts';

/** A task that runs, or ran: the built program as a process of its own. */
export type RunningTask = {
  readonly taskArn: string;
  readonly instanceId: string | undefined;
  readonly program: Program;
  readonly ended: Promise<Ended>;
};

/** Runs the tasks of a simulated ECS as Fargate does: SIGTERM when one is to stop, SIGKILL after the stop timeout. */
export class Fargate {
  readonly tasks: RunningTask[] = [];
  #heard: (() => void)[] = [];

  /** @param environment what every task has from the task definition, the image and Fargate itself */
  constructor(aws: AwsSimulator, environment: Readonly<Record<string, string>>, stopTimeoutMs = 30_000) {
    aws.onRunTask((task) => this.#launch(task, environment, stopTimeoutMs));
  }

  /** The nth task that was started, once it is. */
  async task(index: number): Promise<RunningTask> {
    for (;;) {
      const task = this.tasks[index];
      if (task !== undefined) return task;
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  /** How all tasks that were ever started ended. */
  async allEnded(): Promise<readonly Ended[]> {
    for (let count = -1; count !== this.tasks.length; ) {
      count = this.tasks.length;
      await Promise.all(this.tasks.map(({ ended }) => ended));
    }
    return Promise.all(this.tasks.map(({ ended }) => ended));
  }

  #launch(task: LaunchedTask, environment: Readonly<Record<string, string>>, stopTimeoutMs: number): void {
    const program = new Program([...(task.command ?? ['drain'])], { ...environment, ...task.environment });
    task.running();
    task.stopSignal.addEventListener('abort', () => {
      program.kill('SIGTERM');
      setTimeout(() => program.kill('SIGKILL'), stopTimeoutMs).unref();
    });
    const ended = program.ended();
    ended.then(({ code }) => task.stopped(code ?? 137));
    this.tasks.push({ taskArn: task.taskArn, instanceId: task.environment['INSTANCE_ID'], program, ended });
    for (const wake of this.#heard.splice(0)) wake();
  }
}
