import type { TaskRefusal } from './task.ts';

/** `times`: how many tasks to refuse (default: all). `every`: refuse only each nth task (default: each). */
export type TaskRefusalOptions = { readonly times?: number; readonly every?: number };

type Active = { readonly refusal: TaskRefusal; readonly every: number; left: number; seen: number };

/** Refusals of valid requests, for example for lack of capacity. */
export class TaskRefusals {
  readonly #active = new Set<Active>();

  add(refusal: TaskRefusal, { times = Number.POSITIVE_INFINITY, every = 1 }: TaskRefusalOptions): { end(): void } {
    const active = { refusal, every, left: times, seen: 0 };
    this.#active.add(active);
    return { end: () => void this.#active.delete(active) };
  }

  /** The refusal of the next task, if any. Each call counts as one task. */
  next(): TaskRefusal | undefined {
    for (const active of this.#active) {
      if (active.left <= 0) continue;
      active.seen += 1;
      if (active.seen % active.every !== 0) continue;
      active.left -= 1;
      return active.refusal;
    }
    return undefined;
  }
}
