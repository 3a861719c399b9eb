import { clusterNameOf } from '../config/cluster-source.ts';
import type { SweepConfig } from '../config/sweep-config.ts';
import { inSeconds } from '../report/seconds.ts';
import { Stopped, stoppedCode } from '../stopped.ts';
import type { Surroundings } from '../surroundings.ts';
import { type SweepPorts, sweep } from './sweep.ts';

/**
 * One sweep, whatever becomes of it, summed up in one line.
 * @returns the exit code: 0 when it could look, whatever it started or could not; never rejects
 */
export async function runSweep(config: SweepConfig, ports: SweepPorts, context: Surroundings): Promise<number> {
  const { clock, report } = context;
  const startedAt = clock.now();
  try {
    const found = await sweep(config, ports, context);
    const seconds = inSeconds(clock.now() - startedAt);
    report({
      type: 'sweep summary',
      cluster: clusterNameOf(config.cluster),
      summary: { ...found, seconds, exitCode: 0 },
    });
    return 0;
  } catch (error) {
    report({ type: 'failed', error });
    if (error instanceof Stopped) return stoppedCode(error.by);
    return 1;
  }
}
