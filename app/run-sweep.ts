import type { SweepFound, SweepSummary } from './report/event.ts';
import { Stopped } from './run.ts';
import type { Surroundings } from './surroundings.ts';
import { type SweepPorts, sweep } from './sweep.ts';
import type { SweepConfig } from './sweep-config.ts';

/**
 * One sweep, whatever becomes of it, summed up in one line.
 * @returns the exit code: 0 when it could look, whatever it started or could not; never rejects
 */
export async function runSweep(config: SweepConfig, ports: SweepPorts, context: Surroundings): Promise<number> {
  const { clock, report } = context;
  const startedAt = clock.now();
  const sumUp = (result: SweepSummary['result'], exitCode: number, found?: SweepFound): number => {
    const seconds = Math.round((clock.now() - startedAt) / 100) / 10;
    report({ type: 'sweep summary', summary: { result, exitCode, cluster: config.cluster, seconds, found } });
    return exitCode;
  };
  try {
    return sumUp('swept', 0, await sweep(config, ports, context));
  } catch (error) {
    if (error instanceof Stopped) return sumUp('stopped', error.by === 'SIGTERM' ? 143 : 130);
    report({ type: 'failed', error });
    return sumUp('failed', 1);
  }
}
