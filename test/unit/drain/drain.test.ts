import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeGone } from '../../../app/drain/cluster.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';

test('a drain evicts what is to be evicted, leaves what stays, and ends when the rest is gone', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 3)) cluster.add(one, { shutdownMs: 4_000 });
  cluster.add(pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }));
  cluster.add(pod('done', { phase: 'Succeeded' }));
  const { done } = await start();
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.deepEqual(
    cluster.onNode().map(({ name }) => name),
    ['agent', 'done'],
  );
  assert.deepEqual(
    recorder.of('planned').map(({ toDrain, toSkip }) => [toDrain, toSkip]),
    [[3, 2]],
  );
  assert.equal(cluster.evictions.length, 3);
});

// An accepted eviction is the beginning of the end: the pod may have an hour of grace.
test('nothing but a proven disappearance counts as gone', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('slow'), { shutdownMs: 3_600_000 });
  const { done, startedAt } = await start();
  await clock.until(done, 4_000_000);
  assert.equal(recorder.of('eviction accepted').length, 1);
  assert.deepEqual(recorder.of('pod gone'), [{ type: 'pod gone', pod: 'shop/slow', reason: 'deleted' }]);
  assert.ok(clock.elapsed - startedAt >= 3_600_000);
});

// A node that was empty at the first look was completed while a pod was still being bound to it.
test('a pod that lands after the first list is drained too', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('first'), { shutdownMs: 5_000 });
  const { done } = await start();
  await clock.advance(3_000);
  cluster.add(pod('late'), { shutdownMs: 30_000 });
  await clock.until(done, 60_000);
  assert.deepEqual(cluster.onNode(), []);
  assert.deepEqual(
    cluster.evictions.map(({ name, reply }) => `${name} ${reply}`),
    ['first accepted', 'late accepted'],
  );
});

test('an empty node is not believed to be empty in the first second', async () => {
  const { clock, cluster, start } = draining();
  const { done, startedAt } = await start();
  await clock.advance(900);
  cluster.add(pod('just-bound'));
  await clock.until(done, 60_000);
  assert.equal(cluster.evictions.length, 1);
  assert.ok(clock.elapsed - startedAt >= 1_000);
});

// The watch cache of an API server may be seconds behind; a drain that believes it ends with pods on the node.
test('emptiness is confirmed by a consistent read, and what that shows is drained', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('unseen'));
  cluster.hidden.add('unseen');
  const { done } = await start();
  assert.equal(await clock.until(done, 120_000), 'drained');
  assert.deepEqual(cluster.onNode(), []);
  assert.ok(cluster.consistentReads >= 2, 'once to see the pod, once to see that it is gone');
});

test('an older cache that shows an empty node again and again cannot end the drain', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('unseen'), { shutdownMs: 20_000 });
  cluster.hidden.add('unseen');
  const { done, startedAt } = await start();
  let over = false;
  done.then(() => {
    over = true;
  });
  for (let second = 0; second < 60 && !over; second++) {
    await clock.advance(1_000);
    cluster.relist();
  }
  assert.equal(await done, 'drained');
  assert.ok(clock.elapsed - startedAt >= 20_000);
  assert.deepEqual(cluster.onNode(), []);
});

test('a consistent read that fails is tried again: it is no proof of anything', async () => {
  const { clock, cluster, recorder, start } = draining();
  let failures = 3;
  cluster.fault = (call) =>
    call === 'read pods' && failures-- > 0 ? new Failure('etcd has no leader', { transient: true }) : undefined;
  const { done } = await start();
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.equal(cluster.consistentReads, 4);
  assert.equal(recorder.of('retrying').length, 3);
});

// An IP-based node name is used again within minutes: pods that land under it then are another machine's.
test('before a newcomer is evicted the API is asked whether this still is the node', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('first'), { shutdownMs: 60_000 });
  const { done } = await start();
  await clock.advance(2_000);
  cluster.nodeReplaced = true;
  cluster.add(pod('of-another-machine'));
  await assert.rejects(clock.until(done, 5_000), NodeGone);
  assert.deepEqual(
    cluster.evictions.map(({ name }) => name),
    ['first'],
  );
});

// A StatefulSet pod comes back under its name on another node; evicting that one would be a second outage.
test('a pod that was recreated elsewhere under the same name is not touched', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.latencyMs = 50;
  const first = pod('db-0', { uid: 'first' });
  cluster.add(first, { shutdownMs: 10 });
  const { done } = await start();
  cluster.vanish('first');
  cluster.add(pod('db-0', { uid: 'second' }), {}, false);
  cluster.hidden.add('db-0');
  await clock.until(done, 120_000);
  assert.deepEqual(
    recorder.of('pod gone').map(({ pod }) => pod),
    ['shop/db-0'],
  );
  assert.equal(cluster.evictions.filter(({ reply }) => reply === 'accepted').length, 0);
});

// Two hundred evictions at once crowd out the API server's other clients, and get the drainer throttled.
test('1,000 pods on one node go with at most 50 requests in flight, and each is asked for once', async () => {
  const { clock, cluster, start } = draining();
  cluster.latencyMs = 20;
  for (const one of podsOf('web', 1_000)) cluster.add(one, { shutdownMs: 100 });
  const { done, startedAt } = await start();
  await clock.until(done, 60_000);
  assert.equal(cluster.mostInFlight, 50);
  assert.equal(cluster.evictions.length, 1_000);
  assert.equal(new Set(cluster.evictions.map(({ name }) => name)).size, 1_000);
  assert.ok(clock.elapsed - startedAt < 3_000, `${clock.elapsed - startedAt} ms for 20 rounds of 20 ms`);
});

// The control plane is upgraded in mid-drain: a minute of refused connections must cost a minute, not the drain.
test('an outage of the API of 60 seconds in mid-drain delays the drain and ends nothing', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 20)) cluster.add(one, { shutdownMs: 2_000 });
  cluster.latencyMs = 10;
  const { done, startedAt } = await start();
  await clock.advance(5);
  const outage = cluster.outage();
  await clock.advance(60_000);
  assert.equal(recorder.of('pod gone').length, 0);
  const sentInOutage = cluster.evictions.length;
  assert.ok(sentInOutage < 20 * 15, `${sentInOutage} evictions sent into the outage`);
  outage.end();
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.deepEqual(cluster.onNode(), []);
  assert.ok(clock.elapsed - startedAt < 60_000 + 20_000);
});

// A pod that ended during an outage leaves no event behind: whoever waits for one waits for ever.
test('pods that ended while nothing was told of them are found gone by the next list', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 5)) cluster.add(one, { shutdownMs: 1_000 });
  const { done } = await start();
  await clock.advance(500);
  const outage = cluster.outage();
  await clock.advance(10_000);
  outage.end();
  await clock.until(done, 1_000);
  assert.deepEqual(new Set(recorder.of('pod gone').map(({ reason }) => reason)), new Set(['no longer listed']));
});
