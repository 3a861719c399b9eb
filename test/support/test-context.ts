import { ManualClock } from './clock.ts';
import { Recorder } from './recorder.ts';

/** Manual clock, recorder of the reported events, and abort signal for anything that waits. */
export function testContext() {
  const clock = new ManualClock();
  const recorder = new Recorder(clock.now);
  const stop = new AbortController();
  return { clock, recorder, stop, context: { clock, report: recorder.report, signal: stop.signal } };
}
