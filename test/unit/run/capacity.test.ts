import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { type GroupCapacity, waitForCapacity } from '../../../app/run/capacity.ts';
import type { NodeDirectory, NodeRef } from '../../../app/run/find-node.ts';
import { nodeOf } from '../../support/run-fixture.ts';
import { testContext } from '../../support/test-context.ts';

const TIMEOUT = 600_000;

/** A group that wants three nodes, and a cluster whose nodes are listed one a page. */
function waiting(nodes: (elapsed: number) => readonly NodeRef[], inService = ['i-1', 'i-2', 'i-3']) {
  const { clock, recorder, stop, context } = testContext();
  const group = { capacity: async (): Promise<GroupCapacity> => ({ desired: 3, inService }) };
  const directory: NodeDirectory = {
    byName: async () => undefined,
    byLabel: async () => [],
    async *all() {
      for (const node of nodes(clock.elapsed)) yield [node];
    },
  };
  return {
    clock,
    group,
    recorder,
    stop,
    wait: () => waitForCapacity(() => group.capacity(), directory, TIMEOUT, context),
    gaveUp: () => recorder.of('warning').map(({ message }) => message),
  };
}

const three = [nodeOf('a', 'i-1'), nodeOf('b', 'i-2'), nodeOf('c', 'i-3')];

test('a group that has the nodes which it wants is not waited for', async () => {
  const { clock, recorder, wait } = waiting(() => three);
  await clock.until(wait(), 0);
  assert.deepEqual(recorder.recorded, []);
});

// A node that has registered and whose network is not up yet takes no pod: evicting for its sake makes them pending.
test('the drain waits until the new node is ready, and says how many are', async () => {
  const { clock, recorder, wait } = waiting((elapsed) => [
    ...three.slice(0, elapsed < 60_000 ? 1 : 2),
    nodeOf('new', 'i-3', { ready: elapsed >= 95_000 ? 'True' : 'False' }),
  ]);
  await clock.until(wait(), TIMEOUT);
  assert.equal(clock.elapsed, 100_000);
  assert.deepEqual(
    recorder.of('waiting for capacity').map(({ ready, desired }) => `${ready} of ${desired}`),
    ['1 of 3', '2 of 3'],
  );
});

// The node that is drained is ready until its end, and nodes of other groups take none of its pods.
test('only ready nodes of instances in service in the group count', async () => {
  const { clock, gaveUp, wait } = waiting(
    () => [...three, nodeOf('d', 'i-9'), nodeOf('e', 'i-8'), nodeOf('f', 'xi-1')],
    ['i-1', 'i-2'],
  );
  await clock.until(wait(), TIMEOUT);
  assert.equal(gaveUp().length, 1);
});

// Capacity that never comes (no more instances of that type) must not keep the instance for two days.
test('when the time is over the drain begins all the same, and says so', async () => {
  const { clock, gaveUp, wait } = waiting(() => three.slice(0, 2));
  await clock.until(wait(), TIMEOUT);
  assert.ok(clock.elapsed > TIMEOUT - 20_000 && clock.elapsed <= TIMEOUT, `${clock.elapsed} ms`);
  assert.deepEqual(gaveUp(), ['the group has 2 of 3 ready nodes; the drain starts anyway']);
});

// It is a courtesy to the pods: an AWS that does not answer must not leave them undrained.
test('while nobody can tell the capacity it is asked for again, and the drain begins when the time is over', async () => {
  for (const failsFrom of [0, 300_000]) {
    const { clock, group, gaveUp, recorder, wait } = waiting(() => []);
    const answer = group.capacity;
    const lost = new Failure('connection reset', { transient: true });
    group.capacity = () => (clock.elapsed < failsFrom ? answer() : Promise.reject(lost));
    await clock.until(wait(), 2 * TIMEOUT);
    assert.ok(clock.elapsed > TIMEOUT - 20_000 && clock.elapsed <= TIMEOUT, `${clock.elapsed} ms`);
    assert.equal(gaveUp().length, 1);
    assert.ok(recorder.of('retrying').length >= 20);
  }
});

// A right that the task's role lacks is not granted by waiting ten minutes for it.
test('a failure that no wait can mend is one at once', async () => {
  const { clock, group, wait } = waiting(() => []);
  for (const error of [new Failure('not authorized'), new TypeError('x is not a function')]) {
    group.capacity = () => Promise.reject(error);
    await assert.rejects(clock.until(wait(), 0), error);
  }
});

test('an abort ends the wait with its reason', async () => {
  const { clock, stop, wait } = waiting(() => []);
  const waited = wait();
  await clock.advance(25_000);
  const reason = new Error('SIGTERM');
  stop.abort(reason);
  await assert.rejects(waited, reason);
});
