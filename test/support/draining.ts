import { type DrainOptions, drain } from '../../app/drain/drain.ts';
import { HandClock } from './clock.ts';
import { FakeCluster } from './fake-cluster.ts';
import { Recorder } from './recorder.ts';

/** A cluster in memory, and a drain of its node that has not begun. */
export function draining() {
  const clock = new HandClock();
  const cluster = new FakeCluster(clock);
  const recorder = new Recorder(clock.now);
  const stop = new AbortController();
  return {
    clock,
    cluster,
    recorder,
    stop,
    /** Begins the drain once the cluster has come to rest. */
    async begin(options: Partial<DrainOptions> = {}) {
      await clock.advance(1_000);
      const usual = { drainDaemonSets: false, courtesyUntil: 0 };
      const surroundings = { clock, report: recorder.report, signal: stop.signal };
      const result = drain(cluster, { ...usual, ...options }, surroundings);
      const done = result.then(({ kind }) => kind);
      // Whoever awaits it hears of its rejection; until then it is nobody's fault.
      done.catch(() => undefined);
      return { done, result, beganAt: clock.elapsed };
    },
    /** When pods were shown to be gone, by name, in milliseconds from `from` on. */
    goneAt(from: number): Record<string, number> {
      return Object.fromEntries(
        recorder.told.flatMap(({ at, event }) =>
          event.type === 'pod gone' ? [[event.pod.replace(/^.*\//, ''), at - clock.startedAt - from]] : [],
        ),
      );
    },
  };
}
