import type { Clock } from './clock.ts';
import type { Report } from './report/event.ts';
import type { Stopwatch } from './stopwatch.ts';

/** What work that waits is given: the time, somebody to tell, and when to stop. */
export type Surroundings = { readonly clock: Clock; readonly report: Report; readonly signal: AbortSignal };

/** Those of a whole run, whose phases are timed. */
export type TimedSurroundings = Surroundings & { readonly stopwatch: Stopwatch };
