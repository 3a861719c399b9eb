import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import { type Ec2StateName, ec2State, type Instance, powerChangeMs } from './instance.ts';
import type { Instances } from './instances.ts';
import { type InstanceEnd, type InstanceReset, type InstanceReturn, Listeners } from './listeners.ts';

/** A change of the state of an instance in EC2. */
export type StateChange = { readonly instanceId: string; readonly state: Ec2StateName; readonly at: number };

/**
 * Starts and stops the machines of the instances.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
 */
export class Power {
  readonly ends = new Listeners<InstanceEnd>();
  readonly resets = new Listeners<InstanceReset>();
  readonly returns = new Listeners<InstanceReturn>();
  readonly states = new Listeners<StateChange>();
  readonly #context: Context;
  readonly #instances: Instances;

  constructor(context: Context, instances: Instances) {
    this.#context = context;
    this.#instances = instances;
  }

  /** Stops the machine. A machine that is stopped stays so. */
  stop(instanceId: string): void {
    const instance = this.#existing(instanceId);
    if (instance.power?.to === 'stopped') return;
    this.#change(instance, 'stopped');
    this.resets.call({ instanceId, at: this.#context.now(), how: 'stopped' });
  }

  /** Starts the machine. A machine that runs goes on. */
  start(instanceId: string): void {
    const instance = this.#existing(instanceId);
    if (instance.power?.to !== 'stopped') return;
    this.#change(instance, 'running');
  }

  /** Restarts the machine with a new root volume. EC2 calls it running all the while. */
  replaceRootVolume(instanceId: string): void {
    this.resets.call({ instanceId, at: this.#context.now(), how: 'root volume replaced' });
  }

  rootVolumeReplaced(instanceId: string): void {
    this.returns.call({ instanceId, at: this.#context.now() });
  }

  /** Ends the machine for good. */
  end(instanceId: string, at: number, how: InstanceEnd['how']): void {
    this.ends.call({ instanceId, at, how });
    this.#announce(instanceId, 'shutting-down', at);
    this.#later(instanceId, 'terminated');
  }

  #change(instance: Instance, to: 'running' | 'stopped'): void {
    const { instanceId } = instance;
    const since = this.#context.now();
    this.#instances.update({ ...instance, power: { to, since } });
    this.#announce(instanceId, to === 'stopped' ? 'stopping' : 'pending', since);
    this.#later(instanceId, to);
  }

  #later(instanceId: string, state: Ec2StateName): void {
    const { now, timers, timeScale } = this.#context;
    timers.after(powerChangeMs(timeScale), () => {
      const instance = this.#instances.get(instanceId);
      const current = instance && ec2State(instance, now(), timeScale);
      // Started again, stopped again or launched anew in the meantime.
      if (current === undefined || current === 'unknown' || current.name !== state) return;
      this.#announce(instanceId, state, now());
      if (state === 'running') this.returns.call({ instanceId, at: now() });
    });
  }

  #announce(instanceId: string, state: Ec2StateName, at: number): void {
    this.states.call({ instanceId, state, at });
  }

  #existing(instanceId: string): Instance {
    const instance = this.#instances.get(instanceId);
    const { now, timeScale } = this.#context;
    const state = instance && ec2State(instance, now(), timeScale);
    if (instance === undefined || state === undefined || state === 'unknown') {
      throw new ServiceError('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);
    }
    if (state.name === 'shutting-down' || state.name === 'terminated') {
      throw new ServiceError('IncorrectInstanceState', `The instance '${instanceId}' is ${state.name}`);
    }
    return instance;
  }
}
