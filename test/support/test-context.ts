import { HandClock } from './clock.ts';
import { Recorder } from './recorder.ts';

/** What work is given in a test: time that is moved by hand, somebody who remembers what is told, and when to stop. */
export function testContext() {
  const clock = new HandClock();
  const recorder = new Recorder(clock.now);
  const stop = new AbortController();
  return { clock, recorder, stop, context: { clock, report: recorder.report, signal: stop.signal } };
}
