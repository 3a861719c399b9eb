import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { daemonSet, replicaSet, statefulSet } from './manifests.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// A drain that deletes pods, or counts a terminating pod as gone, drops requests.
test('the pods of a ReplicaSet are evicted and replaced on other nodes', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const before = await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 3 }), 3);
  assert.ok(before.every(({ spec }) => spec?.nodeName === scenario.worker));
  const drainer = scenario.drain();
  assert.equal((await drainer.ended()).exitCode, 0);
  const after = await scenario.pods();
  assert.equal(after.filter(({ spec }) => spec?.nodeName === scenario.worker).length, 0);
  assert.ok((await scenario.ready('web', 3)).every(({ spec }) => spec?.nodeName !== scenario.worker));
  assert.deepEqual(await scenario.evictions(drainer), before.map(({ metadata }) => metadata?.name).sort());
  await scenario.noHarm();
});

// An eviction by name alone terminates the new pod that already serves on another node.
test('a StatefulSet pod that is replaced on another node under the same name is not evicted again', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const [before] = await scenario.startOnWorker(statefulSet(scenario.namespace, 'db', { replicas: 1 }), 1);
  // Keeps the drain running until the new pod has the name.
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  await drainer.reports(
    'that db-0 is gone',
    ({ event, pod }) => event === 'pod gone' && pod?.endsWith('/db-0') === true,
  );
  const [now] = await scenario.ready('db', 1);
  await scenario.release('held');
  assert.equal((await drainer.ended()).exitCode, 0);
  const later = await scenario.findPod('db-0');
  assert.notEqual(now?.metadata?.uid, before?.metadata?.uid);
  assert.equal(later?.metadata?.uid, now?.metadata?.uid);
  assert.equal(later?.metadata?.deletionTimestamp, undefined);
  assert.notEqual(later?.spec?.nodeName, scenario.worker);
  assert.deepEqual(await scenario.evictions(drainer), ['db-0', 'held']);
  await scenario.noHarm();
});

// A DaemonSet recreates its pod at once, even on a cordoned node: a drain that evicts it never ends.
test('DaemonSet pods are skipped', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const [agent] = await scenario.startOnWorker(daemonSet(scenario.namespace, 'agent'), 1);
  const drainer = scenario.drain();
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const skipped = lines.find(({ pod }) => pod === `${scenario.namespace}/${agent?.metadata?.name}`);
  assert.equal(skipped?.event, 'pod skipped');
  assert.equal(skipped?.reason, 'belongs to DaemonSet agent');
  assert.equal((await scenario.findPod(agent?.metadata?.name ?? ''))?.metadata?.uid, agent?.metadata?.uid);
  assert.deepEqual(await scenario.evictions(drainer), []);
  await scenario.noHarm();
});

// The kubelet recreates the mirror pod of a static pod after every deletion: a drain that evicts it never ends.
test('mirror pods are skipped', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  await scenario.pod('proxy', { node, annotations: { 'kubernetes.io/config.mirror': 'a-hash' } });
  const drainer = scenario.drain({}, { node });
  const { exitCode, summary, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(lines.find(({ pod }) => pod === `${scenario.namespace}/proxy`)?.reason, 'static pod of the kubelet');
  assert.equal(summary.pods.evicted, 0);
  assert.equal((await scenario.findPod('proxy'))?.metadata?.deletionTimestamp, undefined);
  assert.deepEqual(await scenario.evictions(drainer), []);
  await scenario.noHarm();
});

// Nothing runs in a finished pod: evicting it deletes its logs for no gain.
test('finished pods are skipped', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  for (const [name, phase] of [
    ['done', 'Succeeded'],
    ['broken', 'Failed'],
  ] as const) {
    await scenario.pod(name, { node });
    await scenario.setPhase(name, phase);
  }
  const drainer = scenario.drain({}, { node });
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const reasons = lines.filter(({ event }) => event === 'pod skipped').map(({ reason }) => reason);
  assert.ok(reasons.includes('finished (Succeeded)') && reasons.includes('finished (Failed)'), reasons.join());
  assert.equal((await scenario.pods()).length, 2);
  assert.deepEqual(await scenario.evictions(drainer), []);
  await scenario.noHarm();
});

// kubectl drain refuses these pods without --force and --delete-emptydir-data; a drain that does the same never evicts them.
test('bare pods and pods with an emptyDir are evicted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('bare');
  await scenario.pod('scratch', { spec: { volumes: [{ name: 'tmp', emptyDir: {} }] } });
  const drainer = scenario.drain();
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  assert.deepEqual(await scenario.evictions(drainer), ['bare', 'scratch']);
  await scenario.noHarm();
});
