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
