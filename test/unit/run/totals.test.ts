import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent, WaitKind } from '../../../app/events.ts';
import { RunTotals } from '../../../app/run/totals.ts';
import { remainingPods } from '../../support/remaining.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const waiting = (pod: string, waitReason: WaitKind = 'budget'): RunEvent => ({
  type: 'pod waiting',
  pod,
  uid: pod,
  waitReason,
  reason: '',
});
const accepted = (pod: string): RunEvent => ({ type: 'eviction accepted', pod });

/** The totals of these events, each with its time in seconds. */
function totalsOf(events: readonly (readonly [number, RunEvent])[]): RunTotals {
  const totals = new RunTotals();
  for (const [at, event] of events) totals.record(event, now + at * 1_000);
  return totals;
}

// A summary that counts pods as evicted that left on their own overstates what the drain calls.
test('the totals count pods evicted on request, skipped pods and remaining pods', () => {
  const totals = new RunTotals();
  const events: RunEvent[] = [
    { type: 'node found', node: 'node-a', uid: 'u', providerID: '', matchedBy: 'name' },
    { type: 'heartbeat', hook: 'drainer' },
    { type: 'heartbeat failed', hook: 'drainer', error: new Error('denied'), failures: 1 },
    { type: 'heartbeat', hook: 'drainer' },
    { type: 'pod skipped', pod: 'kube-system/agent', reason: 'belongs to DaemonSet agent', lost: false },
    { type: 'eviction requested', pod: 'shop/web-0', action: 'evict' },
    { type: 'eviction accepted', pod: 'shop/web-0' },
    { type: 'pod gone', pod: 'shop/web-0', reason: 'deleted' },
    { type: 'pod gone', pod: 'shop/on-its-own', reason: 'deleted' },
    { type: 'pod skipped', pod: 'shop/job', reason: 'finished (Succeeded)', lost: false },
    { type: 'pod gone', pod: 'shop/job', reason: 'deleted' },
    { type: 'replanned', remaining: () => remainingPods(2) },
  ];
  for (const event of events) totals.record(event, now);
  assert.deepEqual([totals.gone, totals.skipped], [2, 1]);
  assert.deepEqual(totals.totals(now), {
    node: 'node-a',
    pods: { evicted: 1, skipped: 1, remaining: 2 },
    longestBlocked: undefined,
    heldBy: [],
    blockedSeconds: 0,
    heartbeats: 2,
    heartbeatsFailed: 1,
  });
});

// Its owner has a budget to mend, even if the pod was evicted in the end.
test('the pod that a budget blocked longest is known, evicted or not', () => {
  const totals = totalsOf([
    [0, waiting('shop/a')],
    [1, waiting('shop/b')],
    [4, waiting('shop/a')],
    [5, accepted('shop/a')],
    [0, waiting('shop/c', 'terminating')],
  ]);
  assert.deepEqual(totals.totals(now + 5_500).longestBlocked, { pod: 'shop/a', seconds: 5 });
  assert.deepEqual(totals.totals(now + 9_000).longestBlocked, { pod: 'shop/b', seconds: 8 });
});

// Ten pods blocked for the same minute cost the drain a minute, not ten.
test('time in which several pods are blocked counts once, and time in which none is blocked does not count', () => {
  const totals = totalsOf([
    [10, waiting('shop/a')],
    [12, waiting('shop/b')],
    [15, accepted('shop/a')],
    [20, { type: 'pod gone', pod: 'shop/b', reason: 'deleted' }],
    [50, waiting('shop/c')],
  ]);
  assert.equal(totals.totals(now + 50_000).blockedSeconds, 10);
  assert.equal(totals.totals(now + 53_500).blockedSeconds, 13.5);
  assert.equal(totalsOf([]).totals(now).blockedSeconds, 0);
});

// Time spent on other waits would be blamed on the budget.
test('a pod that waits for another reason is no longer blocked', () => {
  const totals = totalsOf([
    [0, waiting('shop/a')],
    [3, waiting('shop/a', 'refused')],
    [9, waiting('shop/a')],
    [10, accepted('shop/a')],
  ]);
  const { blockedSeconds, longestBlocked } = totals.totals(now + 60_000);
  assert.deepEqual([blockedSeconds, longestBlocked], [4, { pod: 'shop/a', seconds: 3 }]);
});

// A pod reported as lost while its instance still runs sends its owner to search for a fault.
test('remaining pods are lost only when the instance is terminated', () => {
  const blocked = { uid: 'u', reason: '', ending: false, blocked: true };
  const remaining = [
    { ...blocked, pod: 'shop/a' },
    { ...blocked, pod: 'shop/b' },
  ];
  const totals = totalsOf([
    [0, { type: 'action ending soon', actionEndsAt: now + 120_000, remaining }],
    [1, { type: 'replanned', remaining: () => remaining }],
  ]);
  const all = ['shop/a', 'shop/b'];
  assert.deepEqual(totals.lost(false, now + 119_999), []);
  assert.deepEqual(totals.lost(false, now + 120_000), all, 'the action has ended');
  assert.deepEqual(totals.lost(true, now), all);
  assert.deepEqual(totalsOf([]).lost(true, now), []);
});

// Pods of DaemonSets are skipped first and evicted last: the summary would count them as skipped, and not as evicted.
test('a pod that is skipped first and evicted later is an evicted pod', () => {
  const pod = 'kube-system/csi';
  const events: RunEvent[] = [
    { type: 'pod skipped', pod, reason: 'belongs to DaemonSet csi: evicted last', lost: false },
    { type: 'eviction requested', pod, action: 'evict' },
    { type: 'pod gone', pod, reason: 'deleted' },
  ];
  const totals = totalsOf(events.map((event) => [0, event] as const));
  assert.deepEqual([totals.gone, totals.totals(now).pods], [1, { evicted: 1, skipped: 0, remaining: 0 }]);
});

// The instance ends what nobody ends: its owner looks for the name of the pod, not for a count.
test('a skipped pod whose containers run until the end is among the lost, unless it has gone or was evicted later', () => {
  const skipped = (pod: string, lost: boolean): RunEvent => ({ type: 'pod skipped', pod, reason: '', lost });
  const totals = totalsOf([
    [0, skipped('shop/operator', true)],
    [0, skipped('shop/gone', true)],
    [0, skipped('shop/evicted', true)],
    [0, skipped('kube-system/agent', false)],
    [1, { type: 'pod gone', pod: 'shop/gone', reason: 'deleted' }],
    [1, { type: 'eviction requested', pod: 'shop/evicted', action: 'evict' }],
  ]);
  assert.deepEqual(totals.lost(true, now + 2_000), ['shop/operator']);
  assert.deepEqual(totals.lost(false, now + 2_000), []);
});

// The deadline of a drain by hand ends no instance: pods that it leaves on the node are not lost.
test('the end that the drain sets itself loses no pod', () => {
  const remaining = [{ uid: 'u', reason: '', ending: false, blocked: true, pod: 'shop/a' }];
  const totals = totalsOf([
    [0, { type: 'last resort', endsAt: now + 1_000, remaining }],
    [0, { type: 'replanned', remaining: () => remaining }],
  ]);
  assert.deepEqual(totals.lost(false, now + 60_000), []);
});
