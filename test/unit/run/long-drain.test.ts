import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { LongDrain } from '../../../app/run/long-drain.ts';

const MINUTE = 60_000;
const waiting: RunEvent = { type: 'waiting for pods', remaining: [] };
const state = { drainStartedAt: 0, group: 'workers' };

/** The minutes in which a drain that waits from 0 on is reported. */
function reportedAt(upTo: number, drainStartedAt: number | undefined): number[] {
  const longDrain = new LongDrain();
  const minutes: number[] = [];
  // As the drain reports that it waits: every 30 s.
  for (let now = 0; now <= upTo * MINUTE; now += 30_000) {
    const event = longDrain.eventAfter(waiting, { ...state, drainStartedAt }, now);
    if (event?.type === 'drain still waiting') minutes.push(event.minutes);
  }
  return minutes;
}

// A budget blocks a drain for hours, and nobody is told before the instance has been terminated.
test('a drain that waits is reported every five minutes from the tenth on', () => {
  assert.deepEqual(reportedAt(9, 0), []);
  assert.deepEqual(reportedAt(31, 0), [10, 15, 20, 25, 30]);
});

// A task that is replaced every hour would never have waited for long.
test('the time of the predecessors counts', () => {
  const longDrain = new LongDrain();
  const event = longDrain.eventAfter(waiting, { ...state, drainStartedAt: -65 * MINUTE }, 0);
  assert.deepEqual(event, { type: 'drain still waiting', minutes: 65, group: 'workers', remaining: [] });
});

// A drain that has not started is not stuck, and other events say nothing about waiting.
test('nothing is reported before the drain has started, or after other events', () => {
  assert.deepEqual(reportedAt(60, undefined), []);
  assert.equal(new LongDrain().eventAfter({ type: 'heartbeat', hook: 'h' }, state, 60 * MINUTE), undefined);
});
