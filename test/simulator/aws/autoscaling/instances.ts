import type { Instance } from './instance.ts';

/** The instances of the simulated region, by ID, group and lifecycle action token: a region has thousands of them. */
export class Instances {
  readonly #byId = new Map<string, Instance>();
  readonly #ofGroup = new Map<string, Set<string>>();
  readonly #ofToken = new Map<string, string>();

  get(instanceId: string): Instance | undefined {
    return this.#byId.get(instanceId);
  }

  all(): Instance[] {
    return [...this.#byId.values()];
  }

  ofGroup(name: string): Instance[] {
    return [...(this.#ofGroup.get(name) ?? [])].flatMap((id) => this.#byId.get(id) ?? []);
  }

  /** The instance that has, or had, a lifecycle action with this token. */
  ofToken(token: string): Instance | undefined {
    return this.get(this.#ofToken.get(token) ?? '');
  }

  /** Adds the instance, or replaces the one with the same ID. */
  add(instance: Instance): void {
    const { instanceId, autoScalingGroupName: group } = instance;
    const before = this.#byId.get(instanceId)?.autoScalingGroupName;
    if (before !== undefined) this.#ofGroup.get(before)?.delete(instanceId);
    this.#byId.set(instanceId, instance);
    if (group !== undefined) this.#ofGroup.set(group, (this.#ofGroup.get(group) ?? new Set()).add(instanceId));
  }

  /** Changes an instance within its group. */
  update(instance: Instance): void {
    this.#byId.set(instance.instanceId, instance);
    for (const { token } of instance.transition?.actions ?? []) this.#ofToken.set(token, instance.instanceId);
  }
}
