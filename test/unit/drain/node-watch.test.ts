import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeGone } from '../../../app/drain/cluster.ts';
import { NodeWatch } from '../../../app/drain/node-watch.ts';
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
  const { node, inside, watch } = watching();
  assert.equal(watch.isReady, true);
  for (const ready of [false, true]) {
    node.setReady(ready);
    assert.equal(watch.isReady, ready);
    await inside.nextWake(Number.MAX_SAFE_INTEGER);
  }
  node.list({ uid: 'n-1', ready: false, cordoned: true });
  assert.equal(watch.isReady, false);
  assert.equal(inside.signal.aborted, false);
});

// A node that is deleted takes its pods along sooner or later; one that took over its name has pods of its own.
test('a node that is deleted, no longer listed, or another by now, is gone', async () => {
  const ways: ((made: ReturnType<typeof watching>) => void)[] = [
    ({ node }) => node.delete(),
    ({ node }) => node.list(),
    ({ node }) => node.replace('n-2'),
    ({ node }) => node.list({ uid: 'n-2', ready: true, cordoned: false }),
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

// The watch begins with the node as it was found, which was before we cordoned it.
test('a node that is seen before its cordon is not cordoned twice', async () => {
  const { clock, node, cluster } = watching(({ node }) => node.cordon(false));
  cluster.cordon = () => assert.fail('it was cordoned a moment ago');
  await clock.advance(1_000);
  node.cordon(true);
  await clock.advance(60_000);
});
