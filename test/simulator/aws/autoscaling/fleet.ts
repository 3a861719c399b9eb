import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import { actionsOf, type Instance, type LifecycleState, lifecycleState } from './instance.ts';
import {
  endAction,
  type LifecycleAction,
  type LifecycleActionResult,
  type LifecycleHook,
  startAction,
  waitEndedAt,
  withHeartbeat,
} from './lifecycle.ts';
import { type LifecycleActionEvent, lifecycleActionEvent } from './lifecycle-event.ts';

export type AutoScalingGroup = {
  name: string;
  arn: string;
  createdTime: number;
  desiredCapacity: number;
  tags: Record<string, string>;
  hooks: Map<string, LifecycleHook>;
};

/** The lifecycle action of a heartbeat or completion, by token or by instance ID. */
export type ActionKey = {
  autoScalingGroupName: string;
  lifecycleHookName: string;
  token?: string;
  instanceId?: string;
};

/** The end of an instance: no lifecycle hook is pending any more, and EC2 terminates it. */
export type InstanceEnd = {
  readonly instanceId: string;
  /** Milliseconds since the epoch, by the simulator's clock. */
  readonly at: number;
  /** Whether the last hook was completed or timed out, or the group has no hook. */
  readonly how: 'completed' | 'timed out' | 'no hook';
};

const LAUNCHED_BEFORE_MS = 3_600_000;

/**
 * The Auto Scaling groups and instances of the simulated region. States are derived from the clock; timers only call the
 * listeners of instance ends.
 */
export class Fleet {
  readonly #context: Context;
  readonly #groups = new Map<string, AutoScalingGroup>();
  readonly #instances = new Map<string, Instance>();
  /** Indexes of instance IDs, by group and by lifecycle action token: a region has thousands of instances. */
  readonly #membersOf = new Map<string, Set<string>>();
  readonly #instanceOfToken = new Map<string, string>();
  readonly #listeners = new Set<(event: LifecycleActionEvent) => void>();
  readonly #endListeners = new Set<(end: InstanceEnd) => void>();
  readonly #ended = new Set<string>();
  /** Cancel functions, by instance ID, of the timers that wait for hook timeouts. */
  readonly #endTimers = new Map<string, () => void>();

  constructor(context: Context) {
    this.#context = context;
  }

  createGroup(group: { name: string; tags?: Record<string, string>; desiredCapacity?: number }): void {
    if (this.#groups.has(group.name)) {
      throw new ServiceError('AlreadyExists', 'AutoScalingGroup by this name already exists');
    }
    const { accountId, partition, region, now } = this.#context;
    this.#groups.set(group.name, {
      name: group.name,
      arn: `arn:${partition.id}:autoscaling:${region}:${accountId}:autoScalingGroup:${randomUUID()}:autoScalingGroupName/${group.name}`,
      createdTime: now(),
      desiredCapacity: group.desiredCapacity ?? 0,
      tags: group.tags ?? {},
      hooks: new Map(),
    });
  }

  putHook(hook: LifecycleHook): void {
    this.group(hook.autoScalingGroupName).hooks.set(hook.lifecycleHookName, hook);
  }

  /** @param instance if it has no launch time, it was launched an hour ago: it is no instance that may yet join its cluster */
  launch(instance: Omit<Instance, 'launchTime' | 'termination'> & { launchTime?: number }): void {
    if (instance.autoScalingGroupName !== undefined) this.group(instance.autoScalingGroupName);
    const { instanceId, autoScalingGroupName } = instance;
    const before = this.#instances.get(instanceId)?.autoScalingGroupName;
    if (before !== undefined) this.#membersOf.get(before)?.delete(instanceId);
    this.#ended.delete(instanceId);
    this.#instances.set(instanceId, { launchTime: this.#context.now() - LAUNCHED_BEFORE_MS, ...instance });
    if (autoScalingGroupName === undefined) return;
    const members = this.#membersOf.get(autoScalingGroupName) ?? new Set<string>();
    this.#membersOf.set(autoScalingGroupName, members.add(instanceId));
  }

  /** Starts all terminating hooks of the group at once. Terminating an instance again changes nothing. */
  terminate(instanceId: string, options: { decrement?: boolean } = {}): LifecycleActionEvent[] {
    const instance = this.#instances.get(instanceId);
    if (!instance || this.stateOf(instance) === 'Terminated') {
      const message = `Instance Id not found - No managed instance found for instance ID: ${instanceId}`;
      throw new ServiceError('ValidationError', message);
    }
    if (instance.termination) return [];
    const { now, timeScale } = this.#context;
    const startedAt = now();
    const group = instance.autoScalingGroupName === undefined ? undefined : this.group(instance.autoScalingGroupName);
    if (group && options.decrement) group.desiredCapacity = Math.max(0, group.desiredCapacity - 1);
    const started = [...(group?.hooks.values() ?? [])]
      .filter(({ transition }) => transition === 'autoscaling:EC2_INSTANCE_TERMINATING')
      .map((hook) => ({ hook, action: startAction(hook, startedAt, timeScale) }));
    this.#instances.set(instanceId, {
      ...instance,
      termination: { startedAt, actions: started.map(({ action }) => action) },
    });
    for (const { action } of started) this.#instanceOfToken.set(action.token, instanceId);
    const groupArn = group?.arn ?? '';
    const events = started.map(({ hook, action }) =>
      lifecycleActionEvent(this.#context, { groupArn, instanceId, hook, action }),
    );
    for (const event of events) for (const listener of this.#listeners) listener(event);
    this.#checkEnd(instanceId);
    return events;
  }

  recordHeartbeat(key: ActionKey): void {
    const { instance, action } = this.#pendingAction(key);
    const now = this.#context.now();
    this.#update(instance, (actions) =>
      actions.map((one) => (one.token === action.token ? withHeartbeat(one, now) : one)),
    );
  }

  complete(key: ActionKey, result: LifecycleActionResult): void {
    const { instance, action } = this.#pendingAction(key);
    const end = { state: 'completed', result, at: this.#context.now() } as const;
    this.#update(instance, (actions) => endAction(actions, action.token, end));
  }

  /** Calls back for the end of every instance, within the call that caused it or by a timer. */
  onInstanceEnd(listener: (end: InstanceEnd) => void): () => void {
    this.#endListeners.add(listener);
    return () => void this.#endListeners.delete(listener);
  }

  /** @throws ServiceError (ValidationError) when no group has this name */
  group(name: string): AutoScalingGroup {
    const group = this.#groups.get(name);
    if (!group) {
      throw new ServiceError('ValidationError', `AutoScalingGroup name not found - AutoScalingGroup ${name} not found`);
    }
    return group;
  }

  groups(): AutoScalingGroup[] {
    return [...this.#groups.values()];
  }

  instance(instanceId: string): Instance | undefined {
    return this.#instances.get(instanceId);
  }

  instances(): Instance[] {
    return [...this.#instances.values()];
  }

  /** The instances of this group (or of all groups), including terminating ones. */
  members(groupName?: string): Instance[] {
    const candidates =
      groupName === undefined
        ? this.instances().filter(({ autoScalingGroupName }) => autoScalingGroupName !== undefined)
        : [...(this.#membersOf.get(groupName) ?? [])].flatMap((id) => this.#instances.get(id) ?? []);
    return candidates.filter((instance) => this.stateOf(instance) !== 'Terminated');
  }

  stateOf(instance: Instance): LifecycleState {
    return lifecycleState(instance, this.#context.now(), this.#context.timeScale);
  }

  actions(instanceId: string): readonly LifecycleAction[] {
    const instance = this.#instances.get(instanceId);
    return instance ? actionsOf(instance, this.#context.now()) : [];
  }

  onEvent(listener: (event: LifecycleActionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #update(instance: Instance, change: (actions: readonly LifecycleAction[]) => readonly LifecycleAction[]): void {
    const startedAt = instance.termination?.startedAt ?? this.#context.now();
    const actions = change(actionsOf(instance, this.#context.now()));
    this.#instances.set(instance.instanceId, { ...instance, termination: { startedAt, actions } });
    this.#checkEnd(instance.instanceId);
  }

  #checkEnd(instanceId: string): void {
    this.#endTimers.get(instanceId)?.();
    this.#endTimers.delete(instanceId);
    const { now, timers } = this.#context;
    const termination = this.#instances.get(instanceId)?.termination;
    if (termination === undefined || this.#ended.has(instanceId)) return;
    const actions = this.actions(instanceId);
    const at = waitEndedAt(actions, termination.startedAt);
    if (at === undefined) {
      const next = Math.min(...actions.filter(({ state }) => state === 'pending').map(({ expiresAt }) => expiresAt));
      const check = () => this.#checkEnd(instanceId);
      this.#endTimers.set(instanceId, timers.after(Math.max(1, next - now()), check));
      return;
    }
    this.#ended.add(instanceId);
    const timedOut = actions.some(({ state, endedAt }) => state === 'timed-out' && endedAt === at);
    const how = actions.length === 0 ? 'no hook' : timedOut ? 'timed out' : 'completed';
    for (const listener of this.#endListeners) listener({ instanceId, at, how });
  }

  #pendingAction(key: ActionKey): { instance: Instance; action: LifecycleAction } {
    this.group(key.autoScalingGroupName);
    const instanceId = key.token === undefined ? key.instanceId : this.#instanceOfToken.get(key.token);
    const instance = this.#instances.get(instanceId ?? '');
    if (instance?.autoScalingGroupName === key.autoScalingGroupName) {
      const action = actionsOf(instance, this.#context.now()).find(
        ({ state, token, lifecycleHookName }) =>
          state === 'pending' &&
          lifecycleHookName === key.lifecycleHookName &&
          (key.token === undefined || token === key.token),
      );
      if (action) return { instance, action };
    }
    const subject = key.token === undefined ? `instance ID ${key.instanceId}` : `token ${key.token}`;
    throw new ServiceError('ValidationError', `No active Lifecycle Action found with ${subject}`);
  }
}
