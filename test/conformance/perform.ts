import type { TestCluster } from '../cluster/test-cluster.ts';
import type { Adapter } from './adapters.ts';
import { type ConformanceCluster, missing } from './cluster.ts';
import type { Outcome } from './result.ts';
import type { ConformanceScenario } from './scenario.ts';
import { Stage } from './stage.ts';

export type Performance = {
  readonly outcome: Outcome;
  /** What the drainer printed, for people who ask why. */
  readonly output: string;
};

/** Why a drainer takes no part in the scenarios of hooks. */
export const NO_HOOKS = 'knows no lifecycle hooks';

/** Why the scenario is not run with this drainer on this cluster; undefined: it is. */
export function whyNotRun(
  { by, needs = [] }: ConformanceScenario,
  adapter: Adapter,
  cluster: TestCluster,
  isPatient: boolean,
): string | undefined {
  if (by === 'hook' && !adapter.knowsInstances) return NO_HOOKS;
  return needs.map((need) => missing(need, cluster, isPatient)).find((why) => why !== undefined);
}

/** Runs one scenario with one drainer, and lets the witness judge. A fault of the suite is an outcome, too. */
export async function perform(
  definition: ConformanceScenario,
  adapter: Adapter,
  cluster: ConformanceCluster,
  signal?: AbortSignal,
): Promise<Performance> {
  const stage = await Stage.open(definition, adapter, cluster);
  const stop = () => stage.stop();
  signal?.addEventListener('abort', stop);
  try {
    await definition.run(stage);
    const harm = [...(await stage.judge())];
    return { outcome: harm.length === 0 ? { outcome: 'passed' } : { outcome: 'failed', harm }, output: stage.output };
  } catch (error) {
    return { outcome: { outcome: 'error', error: String(error) }, output: stage.output };
  } finally {
    signal?.removeEventListener('abort', stop);
    await stage.close();
  }
}
