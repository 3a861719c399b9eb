import { type DrainOptions, drain } from '../../app/drain/drain.ts';
import type { Timeline } from '../../app/timeline.ts';
import { FakeCluster } from './fake-cluster.ts';
import { testContext } from './test-context.ts';

type Options = Partial<Omit<DrainOptions, 'timeline'>> & {
  readonly deadlineAt?: number;
  readonly doNotDisruptUntil?: number;
  readonly action?: Omit<NonNullable<Timeline['action']>, 'startedAt'>;
};

/** A cluster in memory, and a drain of its node that has not started. */
export function draining() {
  const { clock, recorder, stop, context } = testContext();
  const cluster = new FakeCluster(clock);
  return {
    clock,
    cluster,
    recorder,
    stop,
    /** Starts the drain once the cluster is idle. */
    async start({ deadlineAt, doNotDisruptUntil = 0, action, ...options }: Options = {}) {
      await clock.advance(1_000);
      const timeline: Timeline = {
        drainStartedAt: clock.now(),
        doNotDisruptUntil,
        ...(deadlineAt !== undefined && { deadlineAt }),
        ...(action !== undefined && { action: { startedAt: clock.now(), ...action } }),
      };
      const usual: DrainOptions = { timeline, onDeadline: 'continue', drainDaemonSets: false };
      const result = drain(cluster, { ...usual, ...options }, context);
      const done = result.then(({ kind }) => kind);
      // A rejection reaches the test when it awaits `done`; until then it must not count as unhandled.
      done.catch(() => undefined);
      return { done, result, startedAt: clock.elapsed };
    },
    /** When each pod was reported as gone, by name, in milliseconds after `from`. */
    goneAt(from: number): Record<string, number> {
      return Object.fromEntries(
        recorder.recorded.flatMap(({ at, event }) =>
          event.type === 'pod gone' ? [[event.pod.replace(/^.*\//, ''), at - clock.startedAt - from]] : [],
        ),
      );
    },
  };
}
