import type { KnownAction } from '../lifecycle/action.ts';

/** The drain of one instance, as an ECS task. */
export type DrainTask = {
  readonly instanceId: string;
  readonly action: KnownAction;
  /**
   * When its first task began it, in milliseconds since the epoch; absent: none has. That is not when the action began: a
   * drain that begins late has its whole deadline all the same.
   */
  readonly drainStartedAt?: number;
  /** How often the drain was handed over already, this task's own start included. */
  readonly generation: number;
};

/** What ECS answered: a task, or no place for one now. */
export type StartResult =
  | { readonly kind: 'started'; readonly task: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly detail?: string };

/** Why there is no task, for people. */
export function refusalText({ reason, detail }: { readonly reason: string; readonly detail?: string }): string {
  return detail === undefined ? reason : `${reason} (${detail})`;
}

/** Where drains are started as tasks. */
export type TaskStarter = {
  /**
   * @param startedBy who starts it, for people: 36 characters at the most
   * @param clientToken however often it is sent, one task is started: 64 characters at the most
   * @throws Failure when ECS cannot be asked, or denies it
   */
  start(task: DrainTask, startedBy: string, clientToken: string, signal: AbortSignal): Promise<StartResult>;
};

/**
 * What a task is told of its drain, over the environment of its task definition: what the rule's input transformer tells
 * the first one, and how far the drain has come.
 */
export function environmentOf({ instanceId, action, drainStartedAt, generation }: DrainTask): Record<string, string> {
  return {
    INSTANCE_ID: instanceId,
    ...(action.group !== undefined && { AUTO_SCALING_GROUP_NAME: action.group }),
    ...(action.hook !== undefined && { LIFECYCLE_HOOK_NAME: action.hook }),
    ...(action.token !== undefined && { LIFECYCLE_ACTION_TOKEN: action.token }),
    ...(action.destination !== undefined && { LIFECYCLE_DESTINATION: action.destination }),
    ...(action.startedAt !== undefined && { LIFECYCLE_ACTION_TIME: new Date(action.startedAt).toISOString() }),
    ...(drainStartedAt !== undefined && { DRAIN_TIME: new Date(drainStartedAt).toISOString() }),
    GENERATION: String(generation),
  };
}
