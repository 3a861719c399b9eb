import { within } from './clock.ts';
import type { Config } from './config/drain-config.ts';
import type { Holdings } from './holdings.ts';
import type { Ports } from './ports.ts';
import { tryFor } from './retry.ts';
import type { Surroundings } from './surroundings.ts';

/** Nobody waits long for it: a drain that begins late is worse than one that is not in a hurry at the end. */
const LOOK_WITHIN_MS = 10_000;

/**
 * Finds out when the pending lifecycle action began where nobody said so, because a sweep or a person started this run:
 * it may be near its end. Best effort; without an answer the run goes on from its own start.
 */
export async function findActionBegin(
  { target, dryRun }: Config,
  ports: Ports,
  holdings: Holdings,
  context: Surroundings,
): Promise<void> {
  const { group, hooks } = holdings;
  if (target.kind !== 'instance' || target.action.beganAt !== undefined || dryRun) return;
  if (group === undefined || hooks.length === 0) return;
  const { clock, report, signal } = context;
  const look = (limited: AbortSignal) =>
    tryFor(
      LOOK_WITHIN_MS,
      'look up when the lifecycle action began',
      () => ports.terminationBegan(group, target.instanceId, limited),
      { ...context, signal: limited },
    );
  try {
    holdings.actionBeganAt = await within(clock, LOOK_WITHIN_MS, look, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    report({
      type: 'warning',
      message:
        'Auto Scaling does not tell when the lifecycle action began: it may end sooner than this run, which counts from its own start, expects',
      error,
    });
  }
}
