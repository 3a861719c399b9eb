import { type DrainOptions, drain } from '../../app/drain/drain.ts';
import { FakeCluster } from './fake-cluster.ts';
import { surroundings } from './surroundings.ts';

/** A cluster in memory, and a drain of its node that has not begun. */
export function draining() {
  const { clock, recorder, stop, context } = surroundings();
  const cluster = new FakeCluster(clock);
  return {
    clock,
    cluster,
    recorder,
    stop,
    /** Begins the drain once the cluster has come to rest. */
    async begin(options: Partial<DrainOptions> = {}) {
      await clock.advance(1_000);
      const usual = { drainDaemonSets: false, courtesyUntil: 0 };
      const result = drain(cluster, { ...usual, ...options }, context);
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
