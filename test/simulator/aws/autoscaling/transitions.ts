import type { Context } from '../context.ts';
import type { AutoScalingGroup } from './group.ts';
import type { Instance } from './instance.ts';
import type { Instances } from './instances.ts';
import { type LifecycleAction, startAction } from './lifecycle.ts';
import {
  type AutoScalingEvent,
  type LifecycleActionEvent,
  launchActionEvent,
  launchEvent,
  lifecycleActionEvent,
} from './lifecycle-event.ts';
import type { InstanceEnd, Listeners } from './listeners.ts';
import type { Power } from './power.ts';
import {
  isRetained,
  overAt,
  type Place,
  type Transition,
  type TransitionKind,
  waitEnd,
  withTimeouts,
} from './transition.ts';

type Surroundings = {
  readonly instances: Instances;
  readonly power: Power;
  readonly events: Listeners<AutoScalingEvent>;
  readonly groupOf: (instance: Instance) => AutoScalingGroup | undefined;
};

/** Leads instances through their transitions: hooks, what happens when the last hook has ended, and what follows. */
export class Transitions {
  readonly #context: Context;
  readonly #instances: Instances;
  readonly #power: Power;
  readonly #events: Listeners<AutoScalingEvent>;
  readonly #groupOf: Surroundings['groupOf'];
  /** Cancel functions of the timers that wait for the next step, by instance ID. */
  readonly #timers = new Map<string, () => void>();

  constructor(context: Context, { instances, power, events, groupOf }: Surroundings) {
    this.#context = context;
    this.#instances = instances;
    this.#power = power;
    this.#events = events;
    this.#groupOf = groupOf;
  }

  /** Starts all hooks of the transition at once. Returns the events of its terminating hooks. */
  start(
    instance: Instance,
    kind: TransitionKind,
    origin: Place,
    { hasReturnEvent = true } = {},
  ): LifecycleActionEvent[] {
    const { instanceId } = instance;
    const { now, timeScale } = this.#context;
    const startedAt = now();
    const group = this.#groupOf(instance);
    const isLaunch = kind === 'enter service';
    // There is no retained state for a replaced root volume.
    const retains = !isLaunch && kind !== 'replace root volume' && group?.terminateHookAbandon === 'retain';
    const started = [...(group?.hooks.values() ?? [])]
      .filter((hook) => (hook.transition === 'autoscaling:EC2_INSTANCE_LAUNCHING') === isLaunch)
      .map((hook) => ({ hook, action: startAction(hook, startedAt, { timeScale, retains }) }));
    const transition: Transition = {
      ...{ kind, origin, startedAt, hasReturnEvent, told: 'nothing' },
      actions: started.map(({ action }) => action),
      ...(kind === 'return to warm pool' ? { poolState: group?.warmPoolState ?? 'Stopped' } : {}),
    };
    this.#instances.update({ ...withPast(instance, startedAt), transition });
    const subjects = started.map((one) => ({ ...one, groupArn: group?.arn ?? '', instanceId, transition }));
    const launching = isLaunch ? subjects.map((subject) => launchActionEvent(this.#context, subject)) : [];
    const terminating = isLaunch ? [] : subjects.map((subject) => lifecycleActionEvent(this.#context, subject));
    for (const event of [...launching, ...terminating]) this.#events.call(event);
    this.#follow(instanceId);
    return terminating;
  }

  /** Changes the actions of the current transition. */
  change(instance: Instance, change: (actions: readonly LifecycleAction[]) => readonly LifecycleAction[]): void {
    if (instance.transition === undefined) return;
    const transition = withTimeouts(instance.transition, this.#context.now());
    this.#instances.update({ ...instance, transition: { ...transition, actions: change(transition.actions) } });
    this.#follow(instance.instanceId);
  }

  /** EC2 ended the instance: nothing of its transition follows any more. */
  abort(instance: Instance, at: number): void {
    this.forget(instance.instanceId);
    const { transition: _ended, ...rest } = withPast(instance, at);
    this.#instances.update({ ...rest, endedByEc2At: at });
  }

  /** Stops the timer of the instance. */
  forget(instanceId: string): void {
    this.#timers.get(instanceId)?.();
    this.#timers.delete(instanceId);
  }

  /** Tells what has happened in the transition, and waits for what comes next. */
  #follow(instanceId: string): void {
    this.forget(instanceId);
    const instance = this.#instances.get(instanceId);
    const { now, timeScale } = this.#context;
    if (instance?.transition === undefined || instance.transition.told === 'over') return;
    const transition = withTimeouts(instance.transition, now());
    const ended = waitEnd(transition, now());
    const over = overAt(transition, now(), timeScale);
    if (ended === undefined || over === undefined) {
      const pending = transition.actions.filter(({ state }) => state === 'pending');
      this.#followAt(instanceId, Math.min(...pending.map(({ expiresAt }) => expiresAt)));
    } else if (transition.told === 'nothing') {
      this.#instances.update({ ...instance, transition: { ...transition, told: 'wait ended' } });
      this.#waitEnded(instanceId, transition, ended);
      this.#follow(instanceId);
    } else if (now() < over) {
      this.#followAt(instanceId, over);
    } else {
      this.#instances.update({ ...instance, transition: { ...transition, told: 'over' } });
      this.#over(instanceId, transition);
    }
  }

  #followAt(instanceId: string, at: number): void {
    const { now, timers } = this.#context;
    this.#timers.set(
      instanceId,
      timers.after(Math.max(1, at - now()), () => this.#follow(instanceId)),
    );
  }

  #waitEnded(instanceId: string, transition: Transition, at: number): void {
    if (isRetained(transition, at)) return;
    switch (transition.kind) {
      case 'terminate':
        this.#power.end(instanceId, at, howEnded(transition, at));
        return;
      case 'replace root volume':
        this.#power.replaceRootVolume(instanceId);
        return;
      case 'return to warm pool':
        if (transition.poolState !== 'Running') this.#power.stop(instanceId);
        return;
      case 'enter service': {
        // An abandoned launch ends the instance:
        // https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html
        const instance = this.#instances.get(instanceId);
        const isAbandoned = transition.actions.some(({ result }) => result === 'ABANDON');
        if (instance !== undefined && isAbandoned) this.start(instance, 'terminate', 'AutoScalingGroup');
      }
    }
  }

  #over(instanceId: string, transition: Transition): void {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) return;
    const { kind, origin, startedAt, hasReturnEvent } = transition;
    if (kind === 'replace root volume') {
      this.#power.rootVolumeReplaced(instanceId);
      this.start(instance, 'enter service', 'AutoScalingGroup', { hasReturnEvent });
    }
    const group = this.#groupOf(instance);
    if (kind !== 'enter service' || group === undefined || !hasReturnEvent) return;
    this.#events.call(launchEvent(this.#context, { group, instanceId, origin, startedAt }));
  }
}

/** The instance with its last transition among the past ones. What was still pending is stopped. */
function withPast(instance: Instance, at: number): Instance {
  if (instance.transition === undefined) return instance;
  const { actions, ...transition } = withTimeouts(instance.transition, at);
  const stopped = actions.map((action) =>
    action.state === 'pending' ? { ...action, state: 'stopped' as const, endedAt: at } : action,
  );
  return { ...instance, past: [...(instance.past ?? []), { ...transition, actions: stopped }] };
}

function howEnded({ actions }: Transition, at: number): InstanceEnd['how'] {
  if (actions.length === 0) return 'no hook';
  return actions.some(({ state, endedAt }) => state === 'timed-out' && endedAt === at) ? 'timed out' : 'completed';
}
