import type { Fleet } from '../autoscaling/fleet.ts';
import { ec2State } from '../autoscaling/instance.ts';
import type { Context } from '../context.ts';
import type { ValueMap } from '../json.ts';
import type { Notice } from '../notices.ts';
import {
  rebalanceEvent,
  type ScheduledChange,
  type SpotAction,
  scheduledChangeEvent,
  spotInterruptionEvent,
  stateChangeEvent,
} from './events.ts';

/** A Spot interruption comes two minutes after its warning, except for hibernation, which begins at once. */
const SPOT_WARNING_MS = 120_000;

/** What EC2 and AWS Health do to instances, whatever their group wants, and the events of it. */
export class Machines {
  readonly #fleet: Fleet;
  readonly #context: Context;
  readonly #publish: (event: ValueMap) => void;
  readonly #notices: Notice[] = [];

  constructor(fleet: Fleet, context: Context, publish: (event: ValueMap) => void) {
    this.#fleet = fleet;
    this.#context = context;
    this.#publish = publish;
    fleet.power.states.add((change) => publish(stateChangeEvent(context, change)));
  }

  /** What was announced for the instance, the oldest first. */
  notices(instanceId: string): readonly Notice[] {
    return this.#notices.filter((notice) => notice.instanceId === instanceId);
  }

  /** Is the machine of the instance stopped or terminated? */
  isOff(instanceId: string): boolean {
    const instance = this.#fleet.instance(instanceId);
    const state = instance && ec2State(instance, this.#context.now(), this.#context.timeScale);
    return state !== undefined && (state === 'unknown' || state.name === 'terminated' || state.name === 'stopped');
  }

  stop(instanceId: string): void {
    const at = this.#context.now();
    this.#fleet.power.stop(instanceId);
    this.#notices.push({ instanceId, what: 'stopped', at, endsAt: at });
  }

  start(instanceId: string): void {
    this.#fleet.power.start(instanceId);
  }

  interruptSpot(instanceId: string, action: SpotAction): void {
    const { now, timers, timeScale } = this.#context;
    const at = now();
    const warningMs = action === 'hibernate' ? 0 : SPOT_WARNING_MS / timeScale;
    this.#notices.push({ instanceId, what: 'spot interruption', at, endsAt: at + warningMs });
    this.#publish(spotInterruptionEvent(this.#context, { instanceId, action, at }));
    timers.after(warningMs, () => {
      const instance = this.#fleet.instance(instanceId);
      if (instance === undefined || this.#fleet.stateOf(instance) === 'Terminated') return;
      if (action === 'terminate') this.#fleet.endByEc2(instanceId);
      else this.#fleet.power.stop(instanceId);
    });
  }

  recommendRebalance(instanceId: string): void {
    const at = this.#context.now();
    this.#notices.push({ instanceId, what: 'rebalance recommendation', at });
    this.#publish(rebalanceEvent(this.#context, { instanceId, at }));
  }

  /** Announces the change only: what comes at its time is the test's to do. */
  scheduleChange(change: Omit<ScheduledChange, 'at'>): void {
    const at = this.#context.now();
    for (const instanceId of change.instanceIds) {
      this.#notices.push({ instanceId, what: 'scheduled change', at, endsAt: change.startTime });
    }
    this.#publish(scheduledChangeEvent(this.#context, { ...change, at }));
  }
}
