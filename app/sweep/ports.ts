import type { DrainerTags } from '../config/tags.ts';
import type { DrainTask, StartResult } from '../run/drain-task.ts';
import type { InstanceInfo } from '../run/instance.ts';
import type { SweptState } from './swept-state.ts';

/** An instance that waits in a lifecycle hook, or that Auto Scaling has retained. */
export type SweptInstance = { readonly instanceId: string; readonly group: string; readonly state: SweptState };

export type SweptGroup = {
  readonly name: string;
  readonly tags: DrainerTags;
  /** The group is being deleted. */
  readonly deleting: boolean;
  readonly instances: readonly SweptInstance[];
};

/** Which instances the drain tasks of ECS are for, those included that stopped within the last hour. */
export type DrainTasks = {
  /** Those with a task that is pending or running. */
  readonly running: ReadonlySet<string>;
  /** When the last task of an instance was created, in milliseconds since the epoch. */
  readonly createdAt: ReadonlyMap<string, number>;
};

/** AWS, as a sweep needs it. Calls reject with a Failure. */
export type SweepPorts = {
  groups(signal: AbortSignal): Promise<readonly SweptGroup[]>;
  /** Does the group have the terminating hook that this sweep is for? */
  hasHook(group: string, signal: AbortSignal): Promise<boolean>;
  drainTasks(signal: AbortSignal): Promise<DrainTasks>;
  describeInstances(instanceIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, InstanceInfo>>;
  startTask(task: DrainTask, clientToken: string, signal: AbortSignal): Promise<StartResult>;
};
