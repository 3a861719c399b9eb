import type { AwsFault, Faults } from '../faults.ts';
import type { Refusal } from '../listener.ts';
import type { LifecycleAction, LifecycleActionResult, LifecycleTransition } from './autoscaling/lifecycle.ts';
import type { LifecycleActionEvent } from './autoscaling/lifecycle-event.ts';
import type { Stack } from './cloudformation/stack.ts';
import type { ServedRequest } from './dispatcher.ts';
import type { LaunchedTask, Task, TaskRefusal } from './ecs/task.ts';
import type { RefusalOptions } from './ecs/task-refusals.ts';
import type { DeadLetter, Notification } from './eventbridge/event-bridge.ts';
import type { EventFaults } from './eventbridge/event-faults.ts';
import type { ScheduleRun } from './eventbridge/scheduler.ts';
import type { ValueMap } from './json.ts';
import type { Rate } from './protocol/token-bucket.ts';

/** The simulated AWS as tests hold it: what one does to an account from outside, and what can go wrong in it. */
export type AwsSimulator = {
  readonly url: string;
  /** What a client process needs, with static keys. */
  readonly environment: Record<string, string>;
  /** The same with the task role's rotating credentials instead of static keys. */
  environmentWithContainerCredentials(): Record<string, string>;
  readonly faults: Faults<AwsFault>;
  readonly requests: readonly ServedRequest[];
  /** Every secret key and session token that was given out so far. */
  readonly secrets: readonly string[];
  createAutoScalingGroup(group: { name: string; tags?: Record<string, string>; desiredCapacity?: number }): void;
  putLifecycleHook(hook: {
    autoScalingGroupName: string;
    lifecycleHookName: string;
    transition?: LifecycleTransition;
    /** Seconds. */
    heartbeatTimeout?: number;
    defaultResult?: LifecycleActionResult;
    notificationMetadata?: string;
  }): void;
  launchInstance(instance: {
    instanceId: string;
    autoScalingGroupName?: string;
    privateDnsName?: string;
    tags?: Record<string, string>;
  }): void;
  /** The events that EventBridge would deliver: one for each terminating hook. */
  terminateInstance(instanceId: string): LifecycleActionEvent[];
  /** Hears of every lifecycle event, also of those that API calls cause, and of those that `eventFaults` loses. */
  onEvent(deliver: (event: LifecycleActionEvent) => void): () => void;
  lifecycleActions(instanceId: string): readonly LifecycleAction[];
  /** Where the instance is in its group's lifecycle; undefined if it was never launched. */
  lifecycleState(instanceId: string): string | undefined;
  createBucket(bucket: string): void;
  putObject(bucket: string, key: string, body: string): void;
  createCluster(cluster: { name: string; endpoint: string; certificateAuthority: string; status?: string }): void;
  /** New credentials for tasks; the old ones are refused as expired from now on. */
  rotateCredentials(options?: { lifetimeSeconds?: number }): void;
  verifyToken(token: string, clusterName: string): { arn: string } | { error: string };
  /** How ECS tasks are really run. Without it a task is RUNNING at once. */
  onRunTask(launch: (task: LaunchedTask) => void): void;
  /** Makes RunTask answer 200 with `failures[]`. */
  refuseTasks(refusal: TaskRefusal, options?: RefusalOptions): { end(): void };
  /** Calls of RunTask beyond this rate get a ThrottlingException, whoever makes them; undefined for no limit. */
  limitRunTask(rate: Rate | undefined): void;
  /** Fargate's quota: with so many tasks alive, RunTask answers 200 with `failures[]`; undefined for no limit. */
  limitConcurrentTasks(quota: number | undefined): void;
  readonly tasks: readonly Task[];
  /** Makes of a CloudFormation template what runs its tasks: rules, schedules and task definitions. */
  deploy(template: string, parameters?: Readonly<Record<string, string>>): Stack;
  /**
   * Invokes the target of a schedule once; it can be left unnamed if there is one only. The time is that of the
   * simulator's clock unless given. @throws Error for a schedule that is not there or is DISABLED
   */
  runSchedule(logicalIdOrName?: string, scheduledTime?: Date): Task | TaskRefusal;
  /**
   * Invokes every enabled schedule each `everyMs`, until `stop()`. Each run counts as one period of the schedule's own
   * rate, so scheduled times go on in full minutes however short `everyMs` is.
   */
  startSchedules(options: { everyMs: number; onRun?: (run: ScheduleRun) => void }): { stop(): void };
  /** An event on the default bus. Those of lifecycle hooks and of tasks come by themselves. */
  putEvent(event: ValueMap): void;
  /** Loses, doubles, delays or reorders events before they reach any rule, until `end()`. Replaces other such faults. */
  eventFaults(faults: EventFaults): { end(): void };
  /** How many events are on their way to a rule, or wait for another attempt to invoke a target. */
  readonly waitingEvents: number;
  /** Events whose targets could not be invoked. */
  readonly deadLetters: readonly DeadLetter[];
  /** What rules published to SNS topics. */
  readonly notifications: readonly Notification[];
  /** Closes the port and every connection until `end()`, which opens the same port: to connect is refused till then. */
  refuseConnections(): Promise<Refusal>;
  stop(): Promise<void>;
};
