import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 250;

/** Waits until the condition holds. @throws when it does not within the time */
export async function until(what: string, condition: () => Promise<boolean>, withinMs = 300_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() >= end) throw new Error(`waited ${withinMs / 1000} s in vain until ${what}`);
    await pause(EVERY_MS);
  }
}
