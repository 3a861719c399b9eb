import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WaitReason } from '../../../app/drain/plan.ts';
import type { RunEvent } from '../../../app/events.ts';
import { RunTotals } from '../../../app/run/totals.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const waits = (pod: string, waitReason: WaitReason['kind'] = 'budget'): RunEvent => ({
  type: 'pod waiting',
  pod,
  uid: pod,
  waitReason,
  reason: '',
});
const accepted = (pod: string): RunEvent => ({ type: 'eviction accepted', pod });

/** A tally that saw these events, each so many seconds after the beginning. */
function tallyOf(events: readonly (readonly [number, RunEvent])[]): RunTotals {
  const tally = new RunTotals();
  for (const [at, event] of events) tally.record(event, now + at * 1_000);
  return tally;
}

test('the pod that a budget held up longest is known, whether it went or not', () => {
  const tally = tallyOf([
    [0, waits('shop/a')],
    [1, waits('shop/b')],
    [4, waits('shop/a')],
    [5, accepted('shop/a')],
    [0, waits('shop/c', 'terminating')],
  ]);
  assert.deepEqual(tally.totals(now + 5_500).longestBlocked, { pod: 'shop/a', seconds: 5 });
  assert.deepEqual(tally.totals(now + 9_000).longestBlocked, { pod: 'shop/b', seconds: 8 });
});

// Ten pods behind one budget for a minute cost the drain a minute, not ten.
test('time in which several pods are blocked counts once, and time in which none is does not', () => {
  const tally = tallyOf([
    [10, waits('shop/a')],
    [12, waits('shop/b')],
    [15, accepted('shop/a')],
    [20, { type: 'pod gone', pod: 'shop/b', proof: 'deleted' }],
    [50, waits('shop/c')],
  ]);
  assert.equal(tally.totals(now + 50_000).blockedSeconds, 10);
  assert.equal(tally.totals(now + 53_500).blockedSeconds, 13.5);
  assert.equal(tallyOf([]).totals(now).blockedSeconds, 0);
});

test('a pod that comes to wait for something else is blocked no longer', () => {
  const tally = tallyOf([
    [0, waits('shop/a')],
    [3, waits('shop/a', 'refused')],
    [9, waits('shop/a')],
    [10, accepted('shop/a')],
  ]);
  const { blockedSeconds, longestBlocked } = tally.totals(now + 60_000);
  assert.deepEqual([blockedSeconds, longestBlocked], [4, { pod: 'shop/a', seconds: 3 }]);
});

// A pod that is called lost while its instance still waits sends somebody looking for a fault that is none.
test('what remains is lost only when the instance goes', () => {
  const left = { uid: 'u', reason: '', ending: false, blocked: true };
  const remaining = [
    { ...left, pod: 'shop/a' },
    { ...left, pod: 'shop/b' },
  ];
  const tally = tallyOf([
    [0, { type: 'last resort', endsAt: now + 120_000, remaining }],
    [1, { type: 'replanned', remaining: () => remaining }],
  ]);
  const all = ['shop/a', 'shop/b'];
  const stopped = { completed: false, outcome: 'stopped' } as const;
  assert.deepEqual(tally.lost(stopped, now + 119_999), []);
  assert.deepEqual(tally.lost(stopped, now + 120_000), all, 'its end came');
  assert.deepEqual(tally.lost({ completed: false, outcome: 'action ended' }, now), all);
  assert.deepEqual(tally.lost({ completed: true, outcome: 'deadline' }, now), all);
  assert.deepEqual(tallyOf([]).lost({ completed: true, outcome: 'drained' }, now), []);
});
