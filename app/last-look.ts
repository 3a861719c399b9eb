import { type Clock, within } from './clock.ts';
import { Board } from './drain/board.ts';
import type { DrainCluster } from './drain/cluster.ts';
import { isDone, plan } from './drain/plan.ts';
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
  const emptied = await within(
    clock,
    LAST_LOOK_WITHIN_MS,
    (limited) => isEmptied(cluster, circumstances, clock, limited),
    signal,
  ).catch(() => {
    throw error;
  });
  if (!emptied) throw error;
  return { kind: 'drained by another' };
}

/** Would a drain that began now have nothing to wait for? Only reads. */
async function isEmptied(
  cluster: DrainCluster,
  circumstances: Circumstances,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const board = Board.showing(await cluster.readPods(signal), clock.now);
  const now = clock.now();
  return isDone(plan(board.observed(now), now, circumstances));
}
