import type { DrainerTags } from '../config/tags.ts';
import { Failure } from '../lib/errors.ts';

/** What EC2 says about an instance. Whatever is absent, EC2 did not say. */
export type InstanceInfo = DrainerTags & {
  readonly privateDnsName?: string;
  readonly privateIPs: readonly string[];
  /** Milliseconds since the epoch. */
  readonly launchedAt?: number;
  /** `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`. */
  readonly state?: string;
};

/** Does EC2 say that the machine is on, and stays so? */
export function isOn(instance: InstanceInfo | Failure | undefined): boolean {
  if (instance === undefined || instance instanceof Failure) return false;
  return instance.state === 'running' || instance.state === 'pending';
}

/** Does EC2 say that the machine is off? While it is stopping or shutting down, containers may still run on it. */
export function isOff(instance: InstanceInfo | undefined): boolean {
  return instance?.state === 'stopped' || instance?.state === 'terminated';
}

/** An instance that has not registered a node by then never will. */
const JOINS_WITHIN_MS = 15 * 60_000;

/** Is the instance so young that it may never have joined the cluster? Without EC2's word it counts as older. */
export function mayNeverHaveJoined(instance: InstanceInfo | undefined, now: number): boolean {
  return instance?.launchedAt !== undefined && now - instance.launchedAt < JOINS_WITHIN_MS;
}
