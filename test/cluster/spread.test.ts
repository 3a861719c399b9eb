import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { replicaSet, statefulSet } from './manifests.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/** Counts the ready pods of the namespace until it is stopped. */
function watchReady(scenario: Scenario): { stop(): Promise<number> } {
  let fewest = Number.POSITIVE_INFINITY;
  let isOver = false;
  const watched = (async () => {
    while (!isOver) {
      const pods = await scenario.pods();
      const ready = pods.filter(
        ({ metadata, status }) =>
          metadata?.deletionTimestamp === undefined &&
          status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      );
      fewest = Math.min(fewest, ready.length);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    async stop() {
      isOver = true;
      await watched;
      return fewest;
    },
  };
}

// All replicas of a service without a budget on one node: `kubectl drain` evicts them together, and two requests of three fail until
// the new ones are ready. https://github.com/kubernetes/kubernetes/issues/31487
for (const set of [replicaSet, statefulSet]) {
  test(`a ${set.name} without a budget keeps all pods but one ready, and the drain ends`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const slow = { replicas: 3, annotations: { 'lab/ready-ms': '1500' } };
    await scenario.startOnWorker(set(scenario.namespace, 'web', slow), 3);
    const ready = watchReady(scenario);
    const { exitCode, lines } = await scenario.drain({ UNBUDGETED: 'spread' }).ended();
    assert.equal(await ready.stop(), 2);
    assert.equal(exitCode, 0);
    assert.ok(lines.some(({ waitReason }) => waitReason === 'spread'));
    assert.ok((await scenario.ready('web', 3)).every(({ spec }) => spec?.nodeName !== scenario.worker));
    await scenario.noHarm();
  });
}

// Who asks for speed gets it: a batch cluster has no service to interrupt.
test('with UNBUDGETED=all they are evicted together', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const slow = { replicas: 3, annotations: { 'lab/ready-ms': '1500' } };
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', slow), 3);
  const ready = watchReady(scenario);
  const { exitCode, lines } = await scenario.drain({ UNBUDGETED: 'all' }).ended();
  assert.equal(await ready.stop(), 0);
  assert.equal(exitCode, 0);
  assert.ok(!lines.some(({ waitReason }) => waitReason === 'spread'));
  await scenario.ready('web', 3);
  await scenario.noHarm();
});
