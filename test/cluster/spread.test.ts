import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { merge } from './admin.ts';
import { replicaSet, statefulSet } from './manifests.ts';
import { resetNode, workers } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, startRegion, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';
import { pool, watchReady } from './workloads.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

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

// Thirty nodes are replaced at once: each drain sees a ready pod on the node of the other one, and both evict theirs.
test('two drains of two nodes with one pod each never leave their workload without a ready pod', async (t) => {
  const [first = '', second = '', third] = await workers(cluster.admin);
  if (third === undefined) return t.skip('the cluster has two worker nodes');
  const scenario = await Scenario.open(t, cluster);
  t.after(async () => {
    for (const node of [second, third]) await resetNode(cluster.admin, node);
  });
  const slow = { replicas: 1, annotations: { 'lab/ready-ms': '1500' } };
  await pool(scenario, first, true);
  await scenario.create(replicaSet(scenario.namespace, 'web', slow));
  await scenario.ready('web', 1);
  await pool(scenario, first, false);
  await pool(scenario, second, true);
  const { namespace } = scenario;
  await cluster.admin.apps.patchNamespacedReplicaSet(
    { name: 'web', namespace, body: { spec: { replicas: 2 } } },
    merge,
  );
  await scenario.ready('web', 2);
  await pool(scenario, third, true);

  const aws = await startRegion();
  t.after(() => aws.stop());
  const terminations: Termination[] = [];
  for (const node of [first, second]) {
    const { spec } = await cluster.admin.core.readNode({ name: node });
    const instance = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: node };
    terminations.push(await Termination.start(t, scenario, instance, aws));
  }
  const ready = watchReady(scenario);
  const drainers = terminations.map((termination) => termination.drainByKubeconfig(cluster));
  const ended = await Promise.all(drainers.map((drainer) => drainer.ended(60_000)));
  assert.ok((await ready.stop()) >= 1, 'none was ready');
  assert.deepEqual(
    ended.map(({ exitCode }) => exitCode),
    [0, 0],
  );
  assert.ok((await scenario.ready('web', 2)).every(({ spec }) => spec?.nodeName === third));
  await scenario.noHarm();
});
