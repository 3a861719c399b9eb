import type { TaskRefusal } from './task.ts';

/** `times`: how many tasks are refused (default: all); `every`: only each nth (default: each one). */
export type RefusalOptions = { readonly times?: number; readonly every?: number };

type Active = { readonly refusal: TaskRefusal; readonly every: number; left: number; seen: number };

/** The tasks that ECS is to refuse for no fault of the request. */
export class Refusals {
  readonly #active = new Set<Active>();

  add(refusal: TaskRefusal, { times = Number.POSITIVE_INFINITY, every = 1 }: RefusalOptions): { end(): void } {
    const active = { refusal, every, left: times, seen: 0 };
    this.#active.add(active);
    return { end: () => void this.#active.delete(active) };
  }

  /** Why the task that is to be placed now is refused, if it is. Each call counts as one task. */
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
