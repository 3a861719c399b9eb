import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import type { LaunchedTask } from '../simulator/aws/task.ts';
import { type Ended, Program } from './program.ts';

/** What the program has to know to start tasks. No event of these tests is on its way so long that a sweep had to wait for it. */
export const PLACE = {
  ECS_CLUSTER: 'drains',
  TASK_DEFINITION: 'node-drainer',
  SUBNET_IDS: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
  SECURITY_GROUP_IDS: 'sg-0123456789abcdef0',
  SWEEP_GRACE_SECONDS: '0',
};

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

  readonly #aws: AwsSimulator;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #stopTimeoutMs: number;
  readonly #atOnce: number;
  readonly #queue: LaunchedTask[] = [];
  #running = 0;

  /**
   * @param environment what every task has from the task definition, the image and Fargate itself
   * @param options.atOnce tasks that run at once; the others are placed later
   */
  constructor(
    aws: AwsSimulator,
    environment: Readonly<Record<string, string>>,
    { stopTimeoutMs = 30_000, atOnce = 16 }: { stopTimeoutMs?: number; atOnce?: number } = {},
  ) {
    this.#aws = aws;
    this.#environment = environment;
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#atOnce = atOnce;
    aws.onRunTask((task) => {
      this.#queue.push(task);
      this.#place();
    });
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
    for (let count = -1; count !== this.tasks.length || this.#queue.length > 0; ) {
      count = this.tasks.length;
      await Promise.all(this.tasks.map(({ ended }) => ended));
    }
    return Promise.all(this.tasks.map(({ ended }) => ended));
  }

  #place(): void {
    while (this.#running < this.#atOnce) {
      const task = this.#queue.shift();
      if (task === undefined) return;
      this.#running++;
      this.#launch(task);
    }
  }

  #launch(task: LaunchedTask): void {
    const environment = { ...this.#environment, ...task.environment };
    const program = new Program([...(task.command ?? ['drain'])], environment, () => this.#aws.secrets);
    task.running();
    task.stopSignal.addEventListener('abort', () => {
      program.kill('SIGTERM');
      setTimeout(() => program.kill('SIGKILL'), this.#stopTimeoutMs).unref();
    });
    const ended = program.ended();
    ended.then(({ code }) => {
      this.#running--;
      task.stopped(code ?? 137);
      this.#place();
    });
    this.tasks.push({ taskArn: task.taskArn, instanceId: task.environment['INSTANCE_ID'], program, ended });
    for (const wake of this.#heard.splice(0)) wake();
  }
}
