import { Board } from './drain/board.ts';
import type { DrainCluster } from './drain/cluster.ts';
import { plan } from './drain/plan.ts';
import { nameOf } from './drain/pod.ts';
import type { Circumstances } from './drain/standing.ts';
import { why } from './drain/why.ts';
import type { Surroundings } from './surroundings.ts';

/** Says what a drain would do to every pod now, and which budget would hold it up. Only reads. */
export async function dryRun(
  cluster: DrainCluster,
  circumstances: Circumstances,
  { clock, report, signal }: Surroundings,
): Promise<void> {
  const board = Board.showing(await cluster.readPods(signal), clock.now);
  const blind = plan(board.observed(clock.now()), clock.now(), circumstances);
  const namespaces = new Set(blind.verdicts.filter(({ act }) => act === 'evict').map(({ pod }) => pod.namespace));
  for (const namespace of namespaces) {
    const { items } = await cluster.readBudgets(namespace, signal);
    board.budgetSink(namespace, clock.now, () => undefined).replace(items);
  }
  const now = clock.now();
  for (const verdict of plan(board.observed(now), now, circumstances).verdicts) {
    if (verdict.act === 'delete') continue;
    report({ type: 'would', act: verdict.act, pod: nameOf(verdict.pod), why: why(verdict, now) });
  }
}
