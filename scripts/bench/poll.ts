import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 250;

/** @throws when it is not so within the time */
export async function until(what: string, isSo: () => Promise<boolean>, withinMs = 300_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() >= end) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await pause(EVERY_MS);
  }
}

/** Does the work for each of the items, so many at a time. */
export async function each<T>(items: Iterable<T>, atATime: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}
