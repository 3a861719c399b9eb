import type { LaunchedTask } from '../simulator/aws/ecs/task.ts';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import { type Ended, Program } from './program.ts';

/** What the program has to know to start tasks. The grace is for events that are on their way; here none is. */
export const PLACE = {
  ECS_CLUSTER: 'drains',
  TASK_DEFINITION: 'node-drainer',
  SUBNET_IDS: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
  SECURITY_GROUP_IDS: 'sg-0123456789abcdef0',
  SWEEP_GRACE_SECONDS: '0',
};

const STOP_TIMEOUT_MS = 30_000;

/** Runs the tasks of a simulated ECS as Fargate does: SIGTERM when one is to stop, SIGKILL after the stop timeout. */
export class Fargate {
  /** Those that run or ran: each the built program as a process of its own. */
  readonly tasks: Program[] = [];
  readonly #aws: AwsSimulator;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #atOnce: number;
  readonly #queue: LaunchedTask[] = [];
  #running = 0;

  /**
   * @param environment what every task has from the task definition, the image and Fargate itself
   * @param atOnce tasks that run at once; the others are placed later
   */
  constructor(aws: AwsSimulator, environment: Readonly<Record<string, string>>, atOnce = 16) {
    this.#aws = aws;
    this.#environment = environment;
    this.#atOnce = atOnce;
    aws.onRunTask((task) => {
      this.#queue.push(task);
      this.#place();
    });
  }

  /** How all tasks that were ever started ended. */
  async allEnded(): Promise<readonly Ended[]> {
    for (let count = -1; count !== this.tasks.length || this.#queue.length > 0; ) {
      count = this.tasks.length;
      await Promise.all(this.tasks.map((task) => task.ended()));
    }
    return Promise.all(this.tasks.map((task) => task.ended()));
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
      setTimeout(() => program.kill('SIGKILL'), STOP_TIMEOUT_MS).unref();
    });
    program.ended().then(({ code }) => {
      this.#running--;
      task.stopped(code ?? 137);
      this.#place();
    });
    this.tasks.push(program);
  }
}
