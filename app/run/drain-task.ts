import type { Reason } from '../config/drain-config.ts';
import type { KnownAction } from '../lifecycle/action.ts';

/** The drain of one instance, as an ECS task. */
export type DrainTask = {
  readonly instanceId: string;
  readonly action: KnownAction;
  /** Absent: termination. */
  readonly reason?: Reason;
  /** When EC2 ends the instance, in milliseconds since the epoch; absent: unknown. */
  readonly instanceEndsAt?: number;
  /**
   * When its first task started it, in milliseconds since the epoch; absent: none has. Not when the lifecycle action started: a
   * drain that starts late still has its whole deadline.
   */
  readonly drainStartedAt?: number;
  /** How many times the drain has been handed over, the start of this task included. */
  readonly generation: number;
};

/** The response of ECS: a task, or why it started none. */
export type StartResult =
  | { readonly kind: 'started'; readonly task: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly detail?: string };

/** Why ECS started no task, for people. */
export function refusalText({ reason, detail }: { readonly reason: string; readonly detail?: string }): string {
  return detail === undefined ? reason : `${reason} (${detail})`;
}

/** Starts drains as ECS tasks. */
export type TaskStarter = {
  /**
   * @param startedBy who starts it, for people: at most 36 characters
   * @param clientToken ECS starts one task per token: at most 64 characters
   * @throws Failure when ECS fails, or denies it
   */
  start(task: DrainTask, startedBy: string, clientToken: string, signal: AbortSignal): Promise<StartResult>;
};

/**
 * The environment of a task, in addition to that of its task definition: what the rule's input transformer passes to the first
 * task, and how far the drain has come.
 */
export function environmentOf(task: DrainTask): Record<string, string> {
  const { instanceId, action, reason, instanceEndsAt, drainStartedAt, generation } = task;
  return {
    INSTANCE_ID: instanceId,
    ...(action.group !== undefined && { AUTO_SCALING_GROUP_NAME: action.group }),
    ...(action.hook !== undefined && { LIFECYCLE_HOOK_NAME: action.hook }),
    ...(action.token !== undefined && { LIFECYCLE_ACTION_TOKEN: action.token }),
    ...(action.destination !== undefined && { LIFECYCLE_DESTINATION: action.destination }),
    ...(action.startedAt !== undefined && { LIFECYCLE_ACTION_TIME: new Date(action.startedAt).toISOString() }),
    ...(reason !== undefined && { REASON: reason }),
    ...(instanceEndsAt !== undefined && { ENDS_AT: new Date(instanceEndsAt).toISOString() }),
    ...(drainStartedAt !== undefined && { DRAIN_TIME: new Date(drainStartedAt).toISOString() }),
    GENERATION: String(generation),
  };
}
