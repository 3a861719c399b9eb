import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { daemonSet, replicaSet, statefulSet } from './manifests.ts';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

// A drain that deletes instead of evicting, or that counts a pod as gone while it still ends, cuts off its requests.
test('the pods of a ReplicaSet leave and come back elsewhere', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const before = await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 3 }), 3);
  assert.ok(before.every(({ spec }) => spec?.nodeName === scenario.worker));
  const drainer = scenario.drain();
  assert.equal((await drainer.ended()).exitCode, 0);
  const after = await scenario.pods();
  assert.equal(after.filter(({ spec }) => spec?.nodeName === scenario.worker).length, 0);
  assert.ok((await scenario.ready('web', 3)).every(({ spec }) => spec?.nodeName !== scenario.worker));
  assert.deepEqual(await scenario.evictions(drainer), before.map(({ metadata }) => metadata?.name).sort());
});

// Evicting by name alone ends the new pod that already serves on another node.
test('a StatefulSet pod that came back elsewhere under its name is not evicted again', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const [before] = await scenario.startOnWorker(statefulSet(scenario.namespace, 'db', { replicas: 1 }), 1);
  // It keeps the drain going while the new pod takes the name.
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  await drainer.says('that db-0 is gone', ({ event, pod }) => event === 'pod gone' && pod?.endsWith('/db-0') === true);
  const [now] = await scenario.ready('db', 1);
  await scenario.release('held');
  assert.equal((await drainer.ended()).exitCode, 0);
  const later = await scenario.podNow('db-0');
  assert.notEqual(now?.metadata?.uid, before?.metadata?.uid);
  assert.equal(later?.metadata?.uid, now?.metadata?.uid);
  assert.equal(later?.metadata?.deletionTimestamp, undefined);
  assert.notEqual(later?.spec?.nodeName, scenario.worker);
  assert.deepEqual(await scenario.evictions(drainer), ['db-0', 'held']);
});

// A DaemonSet puts its pod back at once, on a cordoned node too: evicting it never ends.
test('DaemonSet pods are left', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const [agent] = await scenario.startOnWorker(daemonSet(scenario.namespace, 'agent'), 1);
  const drainer = scenario.drain();
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const left = lines.find(({ pod }) => pod === `${scenario.namespace}/${agent?.metadata?.name}`);
  assert.equal(left?.event, 'pod skipped');
  assert.equal(left?.reason, 'belongs to DaemonSet agent');
  assert.equal((await scenario.podNow(agent?.metadata?.name ?? ''))?.metadata?.uid, agent?.metadata?.uid);
  assert.deepEqual(await scenario.evictions(drainer), []);
});

// The kubelet owns a static pod: its image in the API can be deleted for ever, and comes back for ever.
test('mirror pods are left', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  await scenario.pod('proxy', { node, annotations: { 'kubernetes.io/config.mirror': 'a-hash' } });
  const drainer = scenario.drain({}, { node });
  const { exitCode, summary, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(lines.find(({ pod }) => pod === `${scenario.namespace}/proxy`)?.reason, 'static pod of the kubelet');
  assert.equal(summary.pods.evicted, 0);
  assert.equal((await scenario.podNow('proxy'))?.metadata?.deletionTimestamp, undefined);
  assert.deepEqual(await scenario.evictions(drainer), []);
});

// A finished pod holds results and logs, and nothing runs in it.
test('finished pods are left', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
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
  const whys = lines.filter(({ event }) => event === 'pod skipped').map(({ reason }) => reason);
  assert.ok(whys.includes('finished (Succeeded)') && whys.includes('finished (Failed)'), whys.join());
  assert.equal((await scenario.pods()).length, 2);
  assert.deepEqual(await scenario.evictions(drainer), []);
});

// kubectl drain stops at these and wants --force and --delete-emptydir-data: nobody is there to type that.
test('bare pods and pods with an emptyDir are evicted', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('bare');
  await scenario.pod('scratch', { spec: { volumes: [{ name: 'tmp', emptyDir: {} }] } });
  const drainer = scenario.drain();
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  assert.deepEqual(await scenario.evictions(drainer), ['bare', 'scratch']);
});
