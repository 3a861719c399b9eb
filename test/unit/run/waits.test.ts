import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pod } from '../../support/objects.ts';
import { INSTANCE, nodeOf, runFixture } from '../../support/run-fixture.ts';

const never = new AbortController().signal;
const AT_END = { loadBalancerExclusion: 'end', loadBalancerMs: 30_000 } as const;

// The new object has neither the cordon nor the label: load balancers send to it until the machine is gone under their requests.
test('a node that is deleted and registered again during the waits is cordoned and excluded again', async () => {
  const { calls, clock, cluster, facts, volumes, run } = runFixture();
  cluster.add(pod('db', { claims: ['data'] }));
  volumes.attach('shop/data', 200_000);
  clock.sleep(100_000, never).then(() => {
    facts.nodes = [nodeOf('node-a', INSTANCE, { uid: 'n-2' })];
    cluster.node.replace('n-2');
  });
  assert.equal(await run(AT_END), 'drained, hook CONTINUE, exit 0');
  const once = ['cordon node-a', 'exclude node-a'];
  assert.deepEqual(calls, [...once, ...once, 'close']);
});

// Its volume was cut off: the wait for volumes came before its eviction, when the pod was one that stays.
test('with DRAIN_DAEMONSETS the volumes of their pods are waited for, too', async () => {
  const { clock, cluster, volumes, run } = runFixture();
  cluster.add(pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' }, claims: ['state'] }));
  volumes.attach('shop/state', 90_000);
  assert.equal(await run({ drainDaemonSets: true }), 'drained, hook CONTINUE, exit 0');
  assert.equal(clock.elapsed, 90_000);
});

// The pod was taken for one that stays, and its volume was cut off: its containers have ended, and the volume is detached.
test('the volumes of a pod that only finalizers keep are waited for', async () => {
  const { clock, cluster, volumes, run } = runFixture();
  const claimed = pod('db', { claims: ['data'], finalizers: ['example.com/protected'] });
  cluster.add(claimed, { shutdownMs: Number.POSITIVE_INFINITY });
  volumes.attach('shop/data', 90_000);
  clock.sleep(5_000, never).then(() => cluster.change(claimed.uid, { running: false }));
  assert.equal(await run({ finalizerMs: 10_000 }), 'drained, hook CONTINUE, exit 0');
  assert.equal(clock.elapsed, 90_000);
});
