import { type Clock, within } from './clock.ts';
import { Board } from './drain/board.ts';
import type { DrainCluster } from './drain/cluster.ts';
import { plan } from './drain/plan.ts';
import type { Circumstances } from './drain/standing.ts';
import { ActionEnded } from './lifecycle.ts';
import type { Outcome } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

const LAST_LOOK_WITHIN_MS = 10_000;

/** Of two workers on one node the slower one finds the action ended. If nothing is left, all is well. */
export async function orDrainedByAnother(
  error: unknown,
  cluster: DrainCluster,
  circumstances: Circumstances,
  { clock, signal }: Surroundings,
): Promise<Outcome> {
  if (!(error instanceof ActionEnded)) throw error;
  const left = await within(
    clock,
    LAST_LOOK_WITHIN_MS,
    (limited) => leftOn(cluster, circumstances, clock, limited),
    signal,
  ).catch(() => {
    throw error;
  });
  if (left > 0) throw error;
  return { kind: 'drained by another' };
}

/** How many pods a drain would still have to wait for. Only reads. */
async function leftOn(
  cluster: DrainCluster,
  circumstances: Circumstances,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const board = new Board(() => undefined);
  board.podSink(clock.now, () => undefined).replace(await cluster.readPods(signal));
  return plan(board.observed(clock.now()), clock.now(), circumstances).verdicts.filter(({ act }) => act !== 'leave')
    .length;
}
