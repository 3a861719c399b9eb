import { randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import {
  familyOf,
  type LaunchedTask,
  nameIn,
  type Task,
  type TaskDefinition,
  type TaskRefusal,
  type TaskRequest,
} from './task.ts';
import { type TaskRefusalOptions, TaskRefusals } from './task-refusals.ts';

const stoppedTaskRetentionMs = 3_600_000;

/** @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html */
const quotaMessage = "You've reached the limit on the number of vCPUs you can run concurrently";

/** The tasks that ECS shows: all that are not stopped, and stopped ones for about an hour. The launcher runs them. */
export class Tasks {
  readonly #context: Context;
  readonly #tasks = new Map<string, Task>();
  readonly #stops = new Map<string, AbortController>();
  readonly #definitions = new Map<string, TaskDefinition>();
  #launch: ((task: LaunchedTask) => void) | undefined;
  #onStopped: ((task: Task) => void) | undefined;
  readonly #refusals = new TaskRefusals();
  readonly #alive = new Set<string>();
  readonly #arns = new Map<string, string>();
  #quota = Number.POSITIVE_INFINITY;

  constructor(context: Context) {
    this.#context = context;
  }

  onLaunch(launch: (task: LaunchedTask) => void): void {
    this.#launch = launch;
  }

  onStopped(listener: (task: Task) => void): void {
    this.#onStopped = listener;
  }

  define(definition: TaskDefinition): void {
    this.#definitions.set(definition.family, definition);
  }

  /** Refuses the next tasks: RunTask responds with 200 and `failures`. */
  refuse(refusal: TaskRefusal, options: TaskRefusalOptions): { end(): void } {
    return this.#refusals.add(refusal, options);
  }

  /** Limits concurrent tasks, like Fargate's vCPU quota; undefined removes the limit. */
  limit(quota: number | undefined): void {
    this.#quota = quota ?? Number.POSITIVE_INFINITY;
  }

  start(request: TaskRequest): Task | TaskRefusal {
    const known = this.#definitions.get(familyOf(request.taskDefinition));
    if (known && request.containerName !== '' && request.containerName !== known.containerName) {
      throw new ServiceError(
        'InvalidParameterException',
        `Override for container named ${request.containerName} is not a container in the TaskDefinition.`,
      );
    }
    const refusal = this.#refusals.next();
    if (refusal !== undefined) return refusal;
    if (this.#alive.size >= this.#quota) return { reason: quotaMessage };
    const task = this.#newTask(request);
    this.#tasks.set(task.taskArn, task);
    this.#arns.set(nameIn(task.taskArn), task.taskArn);
    this.#alive.add(task.taskArn);
    const stop = new AbortController();
    this.#stops.set(task.taskArn, stop);
    if (this.#launch) {
      const definition = this.#definitions.get(task.family);
      const command = request.command ?? definition?.command;
      this.#launch({
        ...request,
        ...(command === undefined ? {} : { command }),
        environment: { ...definition?.environment, ...request.overrides },
        taskArn: task.taskArn,
        family: task.family,
        stopSignal: stop.signal,
        running: () => this.#markRunning(task.taskArn),
        stopped: (exitCode, reason) => this.#markStopped(task.taskArn, exitCode, reason),
      });
    } else {
      this.#markRunning(task.taskArn);
    }
    return this.#tasks.get(task.taskArn) ?? task;
  }

  /** Undefined if there is no such task. */
  stop(cluster: string, idOrArn: string, reason: string): Task | undefined {
    const task = this.find(cluster, idOrArn);
    if (!task || task.lastStatus === 'STOPPED') return task;
    this.#update(task.taskArn, {
      desiredStatus: 'STOPPED',
      lastStatus: 'DEACTIVATING',
      stopCode: 'UserInitiated',
      stoppedReason: reason,
    });
    if (this.#launch) this.#stops.get(task.taskArn)?.abort(new Error(reason));
    else this.#markStopped(task.taskArn, 143);
    return this.find(cluster, idOrArn);
  }

  find(cluster: string, idOrArn: string): Task | undefined {
    const task = this.#tasks.get(this.#arns.get(nameIn(idOrArn)) ?? '');
    return task !== undefined && nameIn(task.clusterArn) === nameIn(cluster) && this.#isKnown(task) ? task : undefined;
  }

  /** The tasks of a cluster. */
  of(cluster: string): Task[] {
    const name = nameIn(cluster);
    return this.all().filter((task) => nameIn(task.clusterArn) === name && this.#isKnown(task));
  }

  all(): Task[] {
    return [...this.#tasks.values()];
  }

  #isKnown({ stoppedAt }: Task): boolean {
    return stoppedAt === undefined || this.#context.now() - stoppedAt < stoppedTaskRetentionMs;
  }

  #newTask(request: TaskRequest): Task {
    const { partition, region, accountId, now } = this.#context;
    const arn = `arn:${partition.id}:ecs:${region}:${accountId}`;
    const cluster = nameIn(request.cluster);
    const definition = nameIn(request.taskDefinition);
    const [family = definition, revision = '1'] = definition.split(':');
    return {
      ...request,
      taskArn: `${arn}:task/${cluster}/${randomBytes(16).toString('hex')}`,
      clusterArn: `${arn}:cluster/${cluster}`,
      taskDefinitionArn: `${arn}:task-definition/${family}:${revision}`,
      family,
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      createdAt: now(),
    };
  }

  #markRunning(taskArn: string): void {
    const task = this.#tasks.get(taskArn);
    if (task?.lastStatus !== 'PROVISIONING') return;
    this.#update(taskArn, { lastStatus: 'RUNNING', startedAt: this.#context.now() });
  }

  #markStopped(taskArn: string, exitCode?: number, reason?: string): void {
    const task = this.#tasks.get(taskArn);
    if (!task || task.lastStatus === 'STOPPED') return;
    this.#alive.delete(taskArn);
    this.#update(taskArn, {
      lastStatus: 'STOPPED',
      desiredStatus: 'STOPPED',
      stoppedAt: this.#context.now(),
      ...(exitCode === undefined ? {} : { exitCode }),
      stopCode:
        task.stopCode ??
        (task.lastStatus === 'PROVISIONING' && exitCode === undefined
          ? 'TaskFailedToStart'
          : 'EssentialContainerExited'),
      stoppedReason: task.stoppedReason ?? reason ?? 'Essential container in task exited',
    });
    const stopped = this.#tasks.get(taskArn);
    if (stopped) this.#onStopped?.(stopped);
  }

  #update(taskArn: string, update: Partial<Task>): void {
    const task = this.#tasks.get(taskArn);
    if (task) this.#tasks.set(taskArn, { ...task, ...update });
  }
}
