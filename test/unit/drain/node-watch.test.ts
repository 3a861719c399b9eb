import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeGone } from '../../../app/drain/cluster.ts';
import { DEAD_AFTER_MS, NodeWatch } from '../../../app/drain/node-watch.ts';
import { DrainScope } from '../../../app/drain/scope.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { testContext } from '../../support/test-context.ts';

function watching(before: (cluster: FakeCluster) => void = () => undefined) {
  const { clock, recorder, context } = testContext();
  const cluster = new FakeCluster(clock);
  before(cluster);
  const inside = new DrainScope(context);
  const failure = new Promise<unknown>((resolve) => {
    inside.signal.addEventListener('abort', () => resolve(inside.signal.reason));
  });
  return { clock, cluster, recorder, inside, failure, node: cluster.node, watch: new NodeWatch(cluster, inside) };
}

// A plan that is not made anew when the kubelet dies waits for its pods until something else happens: for ever.
test('it knows at any time whether the kubelet lives, and rings when that changes', async () => {
  const { clock, node, inside, watch } = watching();
  assert.equal(watch.deadAt, Number.POSITIVE_INFINITY);
  for (const ready of ['Unknown', 'True'] as const) {
    node.setReady(ready);
    assert.equal(Number.isFinite(watch.deadAt), ready === 'Unknown');
    await inside.nextWake(Number.MAX_SAFE_INTEGER);
  }
  node.list({ uid: 'n-1', ready: 'Unknown', cordoned: true, volumesInUse: [] });
  assert.equal(watch.deadAt, clock.now() + DEAD_AFTER_MS);
  assert.equal(inside.signal.aborted, false);
});

// A node that is deleted takes its pods along sooner or later; one that took over its name has pods of its own.
test('a node that is deleted, no longer listed, or another by now, is gone', async () => {
  const ways: ((made: ReturnType<typeof watching>) => void)[] = [
    ({ node }) => node.delete(),
    ({ node }) => node.list(),
    ({ node }) => node.replace('n-2'),
    ({ node }) => node.list({ uid: 'n-2', ready: 'True', cordoned: false, volumesInUse: [] }),
  ];
  for (const way of ways) {
    const made = watching();
    way(made);
    assert.ok((await made.failure) instanceof NodeGone, String(way));
  }
});

// Its predecessor's deletion comes late when the name is used again: it says nothing about this node.
test('the deletion of another node that had the name is no news', () => {
  const { node, inside } = watching();
  node.delete('n-0');
  assert.equal(inside.signal.aborted, false);
});

// Without the right to watch nodes every drain would wait for dead kubelets, and nobody would know why.
test('a watch that is denied ends the drain', async () => {
  const denied = new Denied('nodes is forbidden');
  const { failure } = watching((cluster) => {
    cluster.observeNode = () => Promise.reject(denied);
  });
  assert.equal(await failure, denied);
});

// On a node that is open again, whatever is evicted comes right back, and is evicted again, until the instance ends.
test('a node that somebody uncordons is cordoned again, though not more than once in five seconds', async () => {
  const { clock, node, cluster, recorder } = watching();
  const cordons: number[] = [];
  const cordon = cluster.cordon.bind(cluster);
  cluster.cordon = (signal) => {
    cordons.push(clock.elapsed);
    return cordon(signal);
  };
  for (let times = 0; times < 95; times++) {
    node.cordon(false);
    await clock.advance(100);
  }
  assert.deepEqual(cordons, [0, 5_000]);
  assert.equal(recorder.of('warning').length, 2);
});

// What is seen first is as young as our cordon or younger: a watch that begins with an uncordon would never show it again.
test('a node that the first list shows uncordoned is cordoned again', async () => {
  let cordons = 0;
  const { clock } = watching((cluster) => {
    cluster.node.cordon(false);
    const cordon = cluster.cordon.bind(cluster);
    cluster.cordon = (signal) => {
      cordons++;
      return cordon(signal);
    };
  });
  await clock.settle();
  assert.equal(cordons, 1);
  await clock.advance(60_000);
  assert.equal(cordons, 1);
});

// A watch that has ended misses what happens until the next list: pods would land on an open node until the instance ends.
test('an uncordon that only a list shows is answered, too', async () => {
  const { clock, node, cluster } = watching();
  let cordons = 0;
  cluster.cordon = async () => {
    cordons++;
  };
  node.list({ uid: 'n-1', ready: 'True', cordoned: false, volumesInUse: [] });
  await clock.advance(1_000);
  assert.equal(cordons, 1);
});

// The watch shows our cordon and the uncordon after it as one state: nothing would change any more, and pods would land.
test('an uncordon that crosses our cordon is answered as well', async () => {
  const { clock, node, cluster } = watching();
  let cordons = 0;
  cluster.cordon = async (signal) => {
    cordons++;
    await clock.sleep(500, signal);
  };
  node.cordon(false);
  await clock.advance(100);
  node.cordon(false);
  await clock.advance(20_000);
  assert.ok(cordons >= 2 && cordons <= 5, `${cordons} cordons`);
});

// `False` is posted by a living kubelet; a node controller that is late sets `Unknown` for a moment.
// https://kubernetes.io/docs/reference/node/node-status/#condition
test('only Ready=Unknown, for a minute without interruption, is a dead kubelet', async () => {
  const { clock, node, watch } = watching();
  node.setReady('False');
  assert.equal(watch.deadAt, Number.POSITIVE_INFINITY);
  node.setReady('Unknown');
  const since = clock.now();
  await clock.advance(30_000);
  node.setReady('Unknown');
  assert.equal(watch.deadAt, since + 60_000, 'a relist does not begin the minute anew');
  node.setReady('False');
  assert.equal(watch.deadAt, Number.POSITIVE_INFINITY);
  await clock.advance(1_000);
  node.setReady('Unknown');
  assert.equal(watch.deadAt, since + 91_000);
});
