import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { misfitsOf, type NodeRoom, type PodNeeds, type Room, waitForRoom } from '../../../app/run/room.ts';
import { testContext } from '../../support/test-context.ts';

const needs = (pod: string, requests: Record<string, number>, more: Partial<PodNeeds> = {}): PodNeeds => ({
  pod,
  requests: { ...requests, pods: 1 },
  nodeSelector: {},
  nodeTerms: undefined,
  tolerations: [],
  ...more,
});
const node = (name: string, free: Record<string, number>, more: Partial<NodeRoom> = {}): NodeRoom => ({
  name,
  labels: {},
  taints: [],
  free: { pods: 100, ...free },
  ...more,
});
const misfits = (room: Partial<Room>) =>
  misfitsOf({ leaving: [], pending: [], nodes: [], ...room }).map(({ pod, why }) => `${pod}: ${why}`);

// A pod that is evicted without room for it is down until a new node has come.
test('pods fit when the other nodes have what they request, each where it finds it', () => {
  const leaving = [needs('a', { cpu: 1 }), needs('b', { cpu: 3 }), needs('c', { cpu: 2 })];
  assert.deepEqual(misfits({ leaving, nodes: [node('x', { cpu: 3 }), node('y', { cpu: 3 })] }), []);
  assert.deepEqual(misfits({ leaving, nodes: [node('x', { cpu: 3 }), node('y', { cpu: 2 })] }), [
    'a: 0 of 2 nodes: 2 with too little cpu',
  ]);
  assert.deepEqual(misfits({ leaving }), ['b: 0 of 0 nodes', 'c: 0 of 0 nodes', 'a: 0 of 0 nodes']);
});

// Sums of tenths of cores are not exact: a pod must not wait for the last 0.00000001 of a core.
test('ten pods of a tenth of a core fit on one core, and an eleventh does not', () => {
  const leaving = Array.from({ length: 11 }, (_, index) => needs(`p${index}`, { cpu: 0.1 }));
  assert.deepEqual(misfits({ leaving: leaving.slice(1), nodes: [node('x', { cpu: 1 })] }), []);
  assert.equal(misfits({ leaving, nodes: [node('x', { cpu: 1 })] }).length, 1);
});

test('memory, the number of pods and other resources count, too', () => {
  const room = { leaving: [needs('a', { memory: 2 })], nodes: [node('x', { memory: 1 })] };
  assert.deepEqual(misfits(room), ['a: 0 of 1 nodes: 1 with too little memory']);
  assert.match(misfits({ ...room, nodes: [node('x', { memory: 2, pods: 0 })] }).join(), /too little pods/);
  assert.match(misfits({ leaving: [needs('a', { gpu: 1 })], nodes: [node('x', { cpu: 9 })] }).join(), /too little gpu/);
});

// The scheduler takes them everywhere, so that there is nothing to wait for.
test('pods that request nothing always fit', () => {
  assert.deepEqual(misfits({ leaving: [needs('a', {}), needs('b', { cpu: 0 })] }), []);
});

// Pods that other drains have evicted a moment ago take the room first.
test('pods that wait already get their room first, and those that fit nowhere take none', () => {
  const nodes = [node('x', { cpu: 2 })];
  assert.equal(misfits({ leaving: [needs('a', { cpu: 2 })], pending: [needs('p', { cpu: 1 })], nodes }).length, 1);
  assert.equal(misfits({ leaving: [needs('a', { cpu: 2 })], pending: [needs('p', { cpu: 5 })], nodes }).length, 0);
});

// https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
test('a node with a taint that the pod does not tolerate is no room', () => {
  const taints = [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }];
  const fits = (tolerations: PodNeeds['tolerations'], on = taints) =>
    misfits({ leaving: [needs('a', { cpu: 1 }, { tolerations })], nodes: [node('x', { cpu: 1 }, { taints: on })] })
      .length === 0;
  const toleration = { key: 'gpu', operator: 'Equal', value: 'yes', effect: '' };
  assert.equal(fits([]), false);
  assert.equal(fits([toleration]), true);
  assert.equal(fits([{ ...toleration, value: 'no' }]), false);
  assert.equal(fits([{ ...toleration, operator: 'Exists', value: '' }]), true);
  assert.equal(fits([{ key: '', operator: 'Exists', value: '', effect: '' }]), true);
  assert.equal(fits([{ ...toleration, effect: 'NoExecute' }]), false);
  assert.equal(fits([], [{ key: 'soft', value: '', effect: 'PreferNoSchedule' }]), true);
});

// https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
test('a node that the pod does not select is no room', () => {
  const on = node('x', { cpu: 1 }, { labels: { zone: 'a', size: '8' } });
  const fits = (more: Partial<PodNeeds>) =>
    misfits({ leaving: [needs('p', { cpu: 1 }, more)], nodes: [on] }).length === 0;
  const term = (key: string, operator: string, ...values: string[]) => ({
    labels: [{ key, operator, values }],
    fields: [],
  });
  assert.equal(fits({ nodeSelector: { zone: 'a' } }), true);
  assert.equal(fits({ nodeSelector: { zone: 'b' } }), false);
  for (const [operator, values, expected] of [
    ['In', ['a', 'b'], true],
    ['In', ['b'], false],
    ['NotIn', ['b'], true],
    ['NotIn', ['a'], false],
    ['Exists', [], true],
    ['DoesNotExist', [], false],
    ['Sideways', [], false],
  ] as const) {
    assert.equal(fits({ nodeTerms: [term('zone', operator, ...values)] }), expected, operator);
  }
  assert.deepEqual(
    [fits({ nodeTerms: [term('size', 'Gt', '7')] }), fits({ nodeTerms: [term('size', 'Lt', '8')] })],
    [true, false],
  );
  assert.equal(fits({ nodeTerms: [term('zone', 'In', 'b'), term('zone', 'In', 'a')] }), true, 'one of several terms');
  assert.equal(fits({ nodeTerms: [{ labels: [], fields: [] }] }), false, 'an empty term selects nothing');
  const field = { key: 'metadata.name', operator: 'In', values: ['x'] };
  assert.equal(fits({ nodeTerms: [{ labels: [], fields: [field] }] }), true);
});

function waiting(room: (elapsed: number) => Room) {
  const { clock, recorder, context } = testContext();
  const wait = () => waitForRoom(async () => room(clock.elapsed), 600_000, context);
  return { clock, recorder, wait, warnings: () => recorder.of('warning').map(({ message }) => message) };
}
const full = { leaving: [needs('shop/web', { cpu: 2 })], pending: [], nodes: [node('x', { cpu: 1 })] };
const empty = { ...full, nodes: [node('x', { cpu: 2 })] };

test('the drain looks every ten seconds, says which pods do not fit and why, once, and goes on when they fit', async () => {
  const { clock, recorder, wait, warnings } = waiting((elapsed) => (elapsed < 95_000 ? full : empty));
  await clock.until(wait(), 600_000);
  assert.equal(clock.elapsed, 100_000);
  assert.deepEqual(
    recorder.of('waiting for room').map(({ reason }) => reason),
    ['1 pod does not fit on other nodes: shop/web (0 of 1 nodes: 1 with too little cpu)'],
  );
  assert.deepEqual(warnings(), []);
});

// A pod that only this node could run would keep the instance for two days.
test('when the time is over the drain starts anyway, and says which pods do not fit', async () => {
  const { clock, wait, warnings } = waiting(() => full);
  await clock.until(wait(), 600_000);
  assert.equal(clock.elapsed, 600_000);
  assert.match(warnings().join(), /^1 pod does not fit .*shop\/web.*; the drain starts anyway$/);
});

test('a failure is retried, and without the right to list the drain starts at once', async () => {
  const lost = waiting((elapsed) => {
    if (elapsed < 15_000) throw new Failure('connection reset', { transient: true });
    return empty;
  });
  await lost.clock.until(lost.wait(), 600_000);
  assert.deepEqual([lost.clock.elapsed, lost.recorder.of('retrying').length], [20_000, 2]);
  const denied = waiting(() => {
    throw new Denied('pods is forbidden');
  });
  await denied.clock.until(denied.wait(), 0);
  assert.match(denied.warnings().join(), /unknown whether the pods fit elsewhere; the drain starts anyway/);
  const broken = waiting(() => {
    throw new TypeError('x is not a function');
  });
  await assert.rejects(broken.wait(), TypeError);
});
