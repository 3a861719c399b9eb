/** The end of an instance: no lifecycle hook is pending any more, and EC2 terminates it. */
export type InstanceEnd = {
  readonly instanceId: string;
  /** Milliseconds since the epoch, by the simulator's clock. */
  readonly at: number;
  /** Whether the last hook was completed or timed out, the group has no hook, or EC2 ended the instance without hooks. */
  readonly how: 'completed' | 'timed out' | 'no hook' | 'interrupted';
};

/** The machine stops and can come back: everything that ran on it dies, and the instance does not end. */
export type InstanceReset = {
  readonly instanceId: string;
  readonly at: number;
  readonly how: 'root volume replaced' | 'stopped';
};

/** The machine runs again after a reset. */
export type InstanceReturn = { readonly instanceId: string; readonly at: number };

/** Listeners of one kind of occurrence. */
export class Listeners<T> {
  readonly #listeners = new Set<(occurrence: T) => void>();

  add(listener: (occurrence: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  call(occurrence: T): void {
    for (const listener of this.#listeners) listener(occurrence);
  }
}
