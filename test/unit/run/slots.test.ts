import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  goesWithoutAt,
  judge,
  type Lease,
  queueOf,
  type SeenLease,
  SeenLeases,
  slotName,
  waitingDurationMs,
  waitingName,
  waitText,
} from '../../../app/run/slots.ts';

const NOW = Date.parse('2026-01-02T03:04:05Z');
const queue = { name: 'zone-a', of: 'zone a', limit: 2 };
const me = { holder: 'me', startedAt: 100 };

function lease(kind: Lease['kind'], holder: string, more: Partial<Lease> = {}): Lease {
  const name = kind === 'slot' ? slotName(queue, 0) : waitingName(queue, holder);
  return { kind, name, resourceVersion: '1', holder, durationMs: 40_000, startedAt: 0, acquiredAt: 0, ...more };
}

const seen = (lease: Lease, agoMs = 0): SeenLease => ({ lease, since: NOW - agoMs });
const slot = (index: number, holder: string, agoMs = 0) =>
  seen(lease('slot', holder, { name: slotName(queue, index) }), agoMs);
const waiting = (holder: string, startedAt: number, agoMs = 0) => seen(lease('waiting', holder, { startedAt }), agoMs);

function judged(...leases: SeenLease[]): string {
  const judgement = judge(leases, me, queue, NOW);
  if (judgement.kind === 'take') return `take ${judgement.name}${judgement.over ? ` of ${judgement.over.holder}` : ''}`;
  return `wait: ${judgement.running.length} running, ${judgement.ahead} ahead`;
}

// Without a limit thirty nodes go at once; with one that counts wrong, none does, or one too many.
test('a drain takes a free slot, and waits when there is none', () => {
  assert.equal(judged(), 'take slot-zone-a-0');
  assert.equal(judged(slot(0, 'a')), 'take slot-zone-a-1');
  assert.equal(judged(slot(0, 'a'), slot(1, 'b')), 'wait: 2 running, 0 ahead');
});

// A worker that was killed would keep its slot until somebody removes it by hand.
test('a slot that has not changed for its duration is taken over, and no sooner', () => {
  assert.equal(judged(slot(0, 'dead', 39_999), slot(1, 'b')), 'wait: 2 running, 0 ahead');
  assert.equal(judged(slot(0, 'dead', 40_000), slot(1, 'b')), 'take slot-zone-a-0 of dead');
});

// A drain that has waited for an hour must not be passed by every later one.
test('whoever started earlier goes first, and each of several goes for a slot of its own', () => {
  assert.equal(judged(slot(0, 'a'), waiting('early', 99)), 'wait: 1 running, 1 ahead');
  assert.equal(judged(slot(0, 'a'), waiting('late', 101)), 'take slot-zone-a-1');
  assert.equal(judged(waiting('early', 99)), 'take slot-zone-a-1');
  assert.equal(judged(waiting('early', 99), waiting('earlier', 98)), 'wait: 0 running, 2 ahead');
  assert.equal(judged(slot(0, 'a'), waiting('aaa', 100)), 'wait: 1 running, 1 ahead', 'at the same moment, by name');
  assert.equal(judged(slot(0, 'a'), waiting('me', 50)), 'take slot-zone-a-1', 'its own place');
});

// A waiter that was killed would hold up all others for ever.
test('a place that has not changed for its duration holds up nobody, and neither does that of a drain which has a slot', () => {
  assert.equal(judged(slot(0, 'a'), waiting('dead', 99, 40_000)), 'take slot-zone-a-1');
  assert.equal(judged(slot(0, 'a'), waiting('a', 99)), 'take slot-zone-a-1');
});

// A successor that queues up behind others leaves its node half drained.
test('a task of the same node goes on with the slot of its predecessor, however many wait', () => {
  assert.equal(judged(slot(0, 'a'), slot(1, 'me'), waiting('early', 1)), 'take slot-zone-a-1 of me');
  assert.equal(judged(slot(0, 'a'), slot(1, 'me', 50_000), waiting('early', 1)), 'take slot-zone-a-1 of me');
});

// Drainers with different limits: the smaller one counts the slots of the larger one, too.
test('slots beyond the limit count', () => {
  assert.equal(judged(slot(5, 'a'), slot(6, 'b')), 'wait: 2 running, 0 ahead');
  assert.equal(judged(slot(5, 'a')), 'take slot-zone-a-0');
});

test('the wait changes by itself when the first of the leases before it expires', () => {
  const judgement = judge([slot(0, 'a', 10_000), slot(1, 'b', 15_000), waiting('x', 1, 2_000)], me, queue, NOW);
  assert.equal(judgement.kind === 'wait' && judgement.changesAt, NOW + 25_000);
});

// Clocks of different machines differ by minutes: a lease must not expire by somebody else's.
test('a lease is as old as it has been seen without a change, and a new list alone makes it no younger', () => {
  const leases = new SeenLeases();
  let now = 0;
  const sink = leases.sink(
    () => now,
    () => undefined,
  );
  assert.equal(leases.isListed, false);
  sink.replace([lease('slot', 'a', { acquiredAt: NOW * 2 })]);
  now = 10;
  sink.replace([lease('slot', 'a')]);
  assert.deepEqual(
    leases.all.map(({ since }) => since),
    [0],
  );
  sink.set(lease('slot', 'a', { resourceVersion: '2' }));
  assert.deepEqual(
    leases.all.map(({ since }) => since),
    [10],
  );
  sink.replace([]);
  assert.deepEqual([leases.isListed, leases.all], [true, []]);
});

// Two groups that share a queue by accident wait for each other; a name that the API refuses stops every drain.
test('the name of every queue is a DNS label of its own', () => {
  const names = [
    'workers',
    'Workers',
    'workers-1',
    'work_ers',
    'work/ers',
    'ä',
    'ö',
    '',
    '-',
    'a'.repeat(41),
    'a'.repeat(255),
  ];
  const taken = queueOf('group', 1, undefined, 'Workers').name.slice('group-'.length);
  const queues = [...names, taken].map((group) => queueOf('group', 1, undefined, group).name);
  assert.equal(new Set(queues).size, queues.length);
  for (const name of queues) assert.match(name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
  assert.equal(queues[0], 'group-workers');
  assert.equal(queueOf('zone', 3, 'eu-west-1a', 'workers').name, 'zone-eu-west-1a');
  assert.equal(queueOf('zone', 3, undefined, 'workers').name, 'cluster', 'a node without a zone');
  assert.equal(queueOf('group', 3, 'eu-west-1a', undefined).name, 'cluster', 'a drain by name');
  assert.equal(queueOf('cluster', 3, 'eu-west-1a', 'workers').of, 'the cluster');
});

// A thousand waiting drains that renew every ten seconds send each other a hundred thousand changes a second.
test('the further back a drain waits, the less often it renews its place', () => {
  assert.deepEqual([0, 15, 16, 100, 1_000].map(waitingDurationMs), [30_000, 30_000, 32_000, 200_000, 600_000]);
});

// A drain that waits until its pods have to end has no time left to respect a budget.
test('a drain goes without a slot half an hour before its end, or after half of its time', () => {
  const minutes = (count: number) => count * 60_000;
  const timeline = { drainStartedAt: 0, doNotDisruptUntil: 0 };
  const certainEnd = (at: number) => ({ certainEnd: { at, marginMs: 0 } });
  assert.equal(goesWithoutAt({ ...timeline, ...certainEnd(minutes(600)) }), minutes(570));
  assert.equal(goesWithoutAt({ ...timeline, ...certainEnd(minutes(10)) }), minutes(5));
  assert.equal(goesWithoutAt({ ...timeline, deadlineAt: minutes(20) }), minutes(10), 'ON_DEADLINE=force');
  assert.equal(goesWithoutAt({ ...timeline, ...certainEnd(-1) }), -1, 'it is over');
  assert.equal(goesWithoutAt(timeline), Number.POSITIVE_INFINITY);
});

test('the reason names the drain that has held its slot longest, and how many come first', () => {
  const running = [lease('slot', 'node-a', { acquiredAt: NOW })];
  assert.equal(
    waitText(queue, running, 0),
    'waits for a slot: 1 of 2 drains of zone a are running (node node-a since 2026-01-02T03:04:05.000Z)',
  );
  assert.match(waitText(queue, running, 1), /; 1 waiting drain started earlier$/);
  assert.match(waitText(queue, [], 2), /0 of 2 drains of zone a are running; 2 waiting drains started earlier$/);
});
