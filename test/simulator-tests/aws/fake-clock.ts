import type { AwsTimers } from '../../simulator/aws/context.ts';

/** A clock that advances only by `pass`, with timers that follow it. */
type FakeClock = {
  readonly now: () => number;
  readonly timers: AwsTimers;
  /** Advances the clock by this many milliseconds and runs due timers, each at its own time. */
  pass(ms: number): void;
};

export function fakeClock(): FakeClock {
  let time = Date.parse('2026-01-02T03:04:05Z');
  const due = new Set<{ readonly at: number; readonly work: () => void }>();
  const next = (until: number) => [...due].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
  return {
    now: () => time,
    timers: {
      after: (ms, work) => {
        const timer = { at: time + ms, work };
        due.add(timer);
        return () => void due.delete(timer);
      },
      stop: () => due.clear(),
    },
    pass: (ms) => {
      const until = time + ms;
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        due.delete(timer);
        time = Math.max(time, timer.at);
        timer.work();
      }
      time = until;
    },
  };
}
