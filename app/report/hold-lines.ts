import type { Hold, RemainingPod, RunEvent } from '../events.ts';
import { toSeconds } from '../lib/clock.ts';

/** A log line names this many pods of a hold, and this many holds. */
const MAX_NAMED = 20;

/** The fields of `pods held`. */
export function heldFields({ hold, heldMs, dryRun = false }: Extract<RunEvent, { type: 'pods held' }>) {
  const { cause, by, owner, pods, remedy } = hold;
  return {
    cause,
    by,
    ...(owner !== undefined && { owner }),
    podCount: pods.length,
    podNames: pods.slice(0, MAX_NAMED),
    heldSeconds: toSeconds(heldMs),
    dryRun,
    ...(remedy !== undefined && { advice: remedy }),
  };
}

/** What holds the remaining pods, for machines. */
export function holdsField(remaining: readonly RemainingPod[]) {
  return [...byHold(remaining).holds].slice(0, MAX_NAMED).map(({ cause, by, owner, pods }) => ({
    cause,
    by,
    ...(owner !== undefined && { owner }),
    podCount: pods.length,
  }));
}

/** The remaining pods in as few lines as possible: one for each hold, and one for each other pod. */
export function remainingTexts(remaining: readonly RemainingPod[]): readonly string[] {
  const { holds, others } = byHold(remaining);
  return [...[...holds].map(({ text }) => text), ...others.map(({ pod, reason }) => `${pod}: ${reason}`)];
}

/** What holds the remaining pods, and those that nothing holds. */
export function byHold(remaining: readonly RemainingPod[]): {
  readonly holds: ReadonlySet<Hold>;
  readonly others: readonly RemainingPod[];
} {
  return {
    holds: new Set(remaining.map(({ hold }) => hold).filter((hold) => hold !== undefined)),
    others: remaining.filter(({ hold }) => hold === undefined),
  };
}

/** The message of `hold ended`. */
export function endedText({ by, owner, heldMs }: Extract<RunEvent, { type: 'hold ended' }>): string {
  const of = owner === undefined ? '' : ` of ${owner}`;
  return `${by}: no longer holds pods${of}, after ${toSeconds(heldMs)} s`;
}
