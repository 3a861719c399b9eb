import { type Context, retry } from '../context.ts';

/** Each lookup is retried for this long; the next sweep follows in minutes. */
const LOOKUP_TIMEOUT_MS = 60_000;

/** @param what for people: 'list the tasks' */
export async function lookUp<T>(what: string, work: (signal: AbortSignal) => Promise<T>, context: Context): Promise<T> {
  return retry({ what, withinMs: LOOKUP_TIMEOUT_MS }, () => work(context.signal), context);
}
