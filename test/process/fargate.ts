import type { LaunchedTask } from '../simulator/aws/ecs/task.ts';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import { type Ended, Program } from './program.ts';

/** Settings with which the program starts tasks. No sweep grace: these tests have no events in flight. */
export const TASK_PLACEMENT = {
  ECS_CLUSTER: 'drains',
  TASK_DEFINITION: 'node-drainer',
  SUBNET_IDS: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
  SECURITY_GROUP_IDS: 'sg-0123456789abcdef0',
  SWEEP_GRACE_SECONDS: '0',
};

const STOP_TIMEOUT_MS = 30_000;

/** Runs the tasks of a simulated ECS as Fargate does: stops a task with SIGTERM, then SIGKILL after the stop timeout. */
export class Fargate {
  /** Running and finished tasks, each a process of the built program. */
  readonly tasks: Program[] = [];
  readonly #aws: AwsSimulator;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #maxRunning: number;
  readonly #queue: LaunchedTask[] = [];
  #running = 0;

  /**
   * @param environment environment of every task, from the task definition, the image and Fargate
   * @param maxRunning tasks that run at the same time; the others wait in a queue
   */
  constructor(aws: AwsSimulator, environment: Readonly<Record<string, string>>, maxRunning = 16) {
    this.#aws = aws;
    this.#environment = environment;
    this.#maxRunning = maxRunning;
    aws.onRunTask((task) => {
      this.#queue.push(task);
      this.#place();
    });
  }

  /** Waits until no task runs or is queued, and returns the result of every task. */
  async allEnded(): Promise<readonly Ended[]> {
    for (let count = -1; count !== this.tasks.length || this.#queue.length > 0; ) {
      count = this.tasks.length;
      await Promise.all(this.tasks.map((task) => task.ended()));
    }
    return Promise.all(this.tasks.map((task) => task.ended()));
  }

  #place(): void {
    while (this.#running < this.#maxRunning) {
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
