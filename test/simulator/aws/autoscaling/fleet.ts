import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { AutoScalingGroup, NewGroup } from './group.ts';
import { actionsOf, type Instance, type LifecycleState, lifecycleState } from './instance.ts';
import { Instances } from './instances.ts';
import {
  endAction,
  type LifecycleAction,
  type LifecycleActionResult,
  type LifecycleHook,
  withHeartbeat,
} from './lifecycle.ts';
import { type AutoScalingEvent, type LifecycleActionEvent, launchEvent } from './lifecycle-event.ts';
import { Listeners } from './listeners.ts';
import { validationError } from './parameters.ts';
import { Power } from './power.ts';
import { Transitions } from './transitions.ts';

/** The lifecycle action of a heartbeat or completion, by token or by instance ID. */
export type ActionKey = {
  autoScalingGroupName: string;
  lifecycleHookName: string;
  token?: string;
  instanceId?: string;
};

const LAUNCHED_BEFORE_MS = 3_600_000;

/**
 * The Auto Scaling groups and instances of the simulated region. States are derived from the clock; timers call the
 * listeners and start what follows.
 */
export class Fleet {
  readonly events = new Listeners<AutoScalingEvent>();
  readonly power: Power;
  readonly #context: Context;
  readonly #groups = new Map<string, AutoScalingGroup>();
  readonly #instances = new Instances();
  readonly #transitions: Transitions;

  constructor(context: Context) {
    this.#context = context;
    this.power = new Power(context, this.#instances);
    this.#transitions = new Transitions(context, {
      instances: this.#instances,
      power: this.power,
      events: this.events,
      groupOf: ({ autoScalingGroupName: name }) => (name === undefined ? undefined : this.group(name)),
    });
  }

  createGroup({ name, tags = {}, desiredCapacity = 0, ...more }: NewGroup): void {
    if (this.#groups.has(name)) {
      throw new ServiceError('AlreadyExists', 'AutoScalingGroup by this name already exists');
    }
    const { accountId, partition, region, now } = this.#context;
    this.#groups.set(name, {
      ...{ name, tags, desiredCapacity, ...more },
      arn: `arn:${partition.id}:autoscaling:${region}:${accountId}:autoScalingGroup:${randomUUID()}:autoScalingGroupName/${name}`,
      createdTime: now(),
      hooks: new Map(),
    });
  }

  putHook(hook: LifecycleHook): void {
    this.group(hook.autoScalingGroupName).hooks.set(hook.lifecycleHookName, hook);
  }

  /**
   * Puts a new instance in service. Launching hooks do not delay it.
   * @param instance if it has no launch time, it was launched an hour ago: it is no instance that may yet join its cluster
   */
  launch(instance: Omit<Instance, 'launchTime' | 'transition' | 'past'> & { launchTime?: number }): void {
    const { instanceId, autoScalingGroupName } = instance;
    const group = autoScalingGroupName === undefined ? undefined : this.group(autoScalingGroupName);
    const launchTime = this.#context.now() - LAUNCHED_BEFORE_MS;
    this.#transitions.forget(instanceId);
    this.#instances.add({ launchTime, ...instance });
    if (group === undefined) return;
    const startedAt = instance.launchTime ?? launchTime;
    this.events.call(launchEvent(this.#context, { group, instanceId, origin: 'EC2', startedAt }));
  }

  tag(instanceId: string, tags: Record<string, string>): void {
    const instance = this.#existing(instanceId);
    this.#instances.update({ ...instance, tags: { ...instance.tags, ...tags } });
  }

  /** Starts all terminating hooks of the group at once. Terminating an instance again changes nothing, unless it is retained. */
  terminate(instanceId: string, { decrement = false } = {}): LifecycleActionEvent[] {
    const instance = this.#existing(instanceId);
    const state = this.stateOf(instance);
    const isRetained = state.endsWith(':Retained');
    if (instance.transition?.kind === 'terminate' && !isRetained) return [];
    if (decrement && isRetained) {
      // AWS documents only `--no-should-decrement-desired-capacity`: a retained instance does not count.
      // https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
      throw validationError(`Instance ${instanceId} is in ${state}: the desired capacity can't be decremented`);
    }
    const { autoScalingGroupName: name } = instance;
    const group = name === undefined ? undefined : this.group(name);
    if (group && decrement) group.desiredCapacity = Math.max(0, group.desiredCapacity - 1);
    return this.#transitions.start(
      instance,
      'terminate',
      state.startsWith('Warmed:') ? 'WarmPool' : 'AutoScalingGroup',
    );
  }

  /** @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html */
  replaceRootVolume(instanceId: string, { hasReturnEvent = true } = {}): LifecycleActionEvent[] {
    const instance = this.#inState(instanceId, 'InService');
    return this.#transitions.start(instance, 'replace root volume', 'AutoScalingGroup', { hasReturnEvent });
  }

  /** @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html */
  returnToWarmPool(instanceId: string): LifecycleActionEvent[] {
    return this.#transitions.start(this.#inState(instanceId, 'InService'), 'return to warm pool', 'AutoScalingGroup');
  }

  leaveWarmPool(instanceId: string): void {
    const instance = this.#inState(instanceId, 'Warmed:Stopped', 'Warmed:Running', 'Warmed:Hibernated');
    this.power.start(instanceId);
    this.#transitions.start(this.#instances.get(instanceId) ?? instance, 'enter service', 'WarmPool');
  }

  /** EC2 ends the machine at once: no hook delays it. */
  endByEc2(instanceId: string): void {
    const instance = this.#existing(instanceId);
    const now = this.#context.now();
    this.#transitions.abort(instance, now);
    this.power.end(instanceId, now, 'interrupted');
  }

  recordHeartbeat(key: ActionKey): void {
    const { instance, action } = this.#pendingAction(key);
    const now = this.#context.now();
    this.#transitions.change(instance, (actions) =>
      actions.map((one) => (one.token === action.token ? withHeartbeat(one, now) : one)),
    );
  }

  complete(key: ActionKey, result: LifecycleActionResult): void {
    const { instance, action } = this.#pendingAction(key);
    const end = { state: 'completed', result, at: this.#context.now() } as const;
    this.#transitions.change(instance, (actions) => endAction(actions, action.token, end));
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
    return this.#instances.all();
  }

  /** The instances of this group (or of all groups), including terminating ones and those of its warm pool. */
  members(groupName?: string): Instance[] {
    const candidates =
      groupName === undefined
        ? this.instances().filter(({ autoScalingGroupName }) => autoScalingGroupName !== undefined)
        : this.#instances.ofGroup(groupName);
    return candidates.filter((instance) => this.stateOf(instance) !== 'Terminated');
  }

  stateOf(instance: Instance): LifecycleState {
    return lifecycleState(instance, this.#context.now(), this.#context.timeScale);
  }

  actions(instanceId: string): readonly LifecycleAction[] {
    const instance = this.#instances.get(instanceId);
    return instance ? actionsOf(instance, this.#context.now()) : [];
  }

  #existing(instanceId: string): Instance {
    const instance = this.#instances.get(instanceId);
    if (!instance || this.stateOf(instance) === 'Terminated') {
      throw validationError(`Instance Id not found - No managed instance found for instance ID: ${instanceId}`);
    }
    return instance;
  }

  #inState(instanceId: string, ...states: readonly LifecycleState[]): Instance {
    const instance = this.#existing(instanceId);
    const state = this.stateOf(instance);
    if (!states.includes(state)) throw validationError(`The instance ${instanceId} is in ${state}`);
    return instance;
  }

  #pendingAction(key: ActionKey): { instance: Instance; action: LifecycleAction } {
    this.group(key.autoScalingGroupName);
    const instance =
      key.token === undefined ? this.#instances.get(key.instanceId ?? '') : this.#instances.ofToken(key.token);
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
