import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeGone } from '../../app/drain/cluster.ts';
import { NodeWatch } from '../../app/drain/node-watch.ts';
import { Denied } from '../../app/failure.ts';
import { HandClock } from '../support/clock.ts';
import { FakeCluster } from '../support/fake-cluster.ts';

function watching() {
  const cluster = new FakeCluster(new HandClock());
  const stop = new AbortController();
  const failures: unknown[] = [];
  let rings = 0;
  const ring = () => {
    rings++;
  };
  const watch = new NodeWatch(cluster, {
    signal: stop.signal,
    ring,
    fail: (error) => failures.push(error),
    beside: (work) => work.catch(() => undefined),
  });
  return { cluster, node: cluster.node, stop, failures, watch, rings: () => rings };
}

// A plan that is not made anew when the kubelet dies waits for its pods until something else happens: for ever.
test('it knows at any time whether the kubelet lives, and rings when that changes', () => {
  const { node, failures, watch, rings } = watching();
  assert.equal(watch.isReady, true);
  for (const ready of [false, true]) {
    const before = rings();
    node.turn(ready);
    assert.equal(watch.isReady, ready);
    assert.ok(rings() > before);
  }
  node.list({ uid: 'n-1', ready: false });
  assert.equal(watch.isReady, false);
  assert.deepEqual(failures, []);
});

// A node that is deleted takes its pods along sooner or later; one that took over its name has pods of its own.
test('a node that is deleted, no longer listed, or another by now, is gone', () => {
  const ways: ((made: ReturnType<typeof watching>) => void)[] = [
    ({ node }) => node.delete(),
    ({ node }) => node.list(),
    ({ node }) => node.replace('n-2'),
    ({ node }) => node.list({ uid: 'n-2', ready: true }),
  ];
  for (const way of ways) {
    const made = watching();
    way(made);
    assert.equal(made.failures.length, 1, String(way));
    assert.ok(made.failures[0] instanceof NodeGone);
  }
});

// Its predecessor's deletion comes late when the name is used again: it says nothing about this node.
test('the deletion of another node that had the name is no news', () => {
  const { node, failures } = watching();
  node.delete('n-0');
  assert.deepEqual(failures, []);
});

// Without the right to watch nodes every drain would wait for dead kubelets, and nobody would know why.
test('a watch that is denied ends the drain', async () => {
  const cluster = new FakeCluster(new HandClock());
  const denied = new Denied('nodes is forbidden');
  cluster.observeNode = () => Promise.reject(denied);
  const failure = new Promise((fail) => {
    const { signal } = new AbortController();
    new NodeWatch(cluster, { signal, ring: () => undefined, fail, beside: (work) => work.catch(fail) });
  });
  assert.equal(await failure, denied);
});
