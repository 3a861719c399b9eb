import { type DrainOptions, drain } from '../../app/drain/drain.ts';
import type { Timeline } from '../../app/timeline.ts';
import { FakeCluster } from './fake-cluster.ts';
import { testContext } from './test-context.ts';

type Options = Partial<Omit<DrainOptions, 'timeline'>> & {
  readonly deadlineAt?: number;
  readonly doNotDisruptUntil?: number;
  readonly action?: Omit<NonNullable<Timeline['action']>, 'startedAt'>;
  /** Between the end of a pod's grace period and the certain end. */
  readonly marginMs?: number;
};

/** A cluster in memory, and a drain of its node that has not begun. */
export function draining() {
  const { clock, recorder, stop, context } = testContext();
  const cluster = new FakeCluster(clock);
  return {
    clock,
    cluster,
    recorder,
    stop,
    /** Begins the drain once the cluster has come to rest. */
    async start({ deadlineAt, doNotDisruptUntil = 0, action, marginMs = 0, ...options }: Options = {}) {
      await clock.advance(1_000);
      const ends = [action?.endsAt, options.onDeadline === 'force' ? undefined : deadlineAt];
      const end = Math.min(...ends.filter((at) => at !== undefined));
      const timeline: Timeline = {
        drainStartedAt: clock.now(),
        doNotDisruptUntil,
        ...(deadlineAt !== undefined && { deadlineAt }),
        ...(action !== undefined && { action: { startedAt: clock.now(), ...action } }),
        ...(Number.isFinite(end) && { certainEnd: { at: end, marginMs } }),
      };
      const usual: DrainOptions = {
        timeline,
        onDeadline: 'continue',
        lastResort: 'delete',
        daemonSets: 'skip',
        finalizerMs: 300_000,
        spreadMs: 0,
        surge: 'off',
      };
      const result = drain(cluster, { ...usual, ...options }, context);
      const done = result.then(({ kind }) => kind);
      // Whoever awaits it hears of its rejection; until then it is nobody's fault.
      done.catch(() => undefined);
      return { done, result, startedAt: clock.elapsed };
    },
    /** When pods were shown to be gone, by name, in milliseconds from `from` on. */
    goneAt(from: number): Record<string, number> {
      return Object.fromEntries(
        recorder.recorded.flatMap(({ at, event }) =>
          event.type === 'pod gone' ? [[event.pod.replace(/^.*\//, ''), at - clock.startedAt - from]] : [],
        ),
      );
    },
  };
}
