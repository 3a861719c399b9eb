import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as v from 'valibot';
import type { Line } from './drainer.ts';
import { podOn, withClaims } from './manifests.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';
import { Volume } from './volume.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const Names = v.array(v.string());
const isAttached = ({ event }: Line) => event === 'volumes attached';
const isOfVolumes = ({ event }: Line) => event.startsWith('volumes');

// If an instance terminates with a volume attached, the volume's next pod waits six minutes for it.
test('the drain waits until all volumes of the node are detached, and names them', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const data = await Volume.create(t, scenario, 'data');
  const attachment = await data.attachTo(scenario.worker);
  const elsewhere = await data.attachTo('another-node');
  // Of a pod that was gone before the drain: the API, not the memory of this task, says what is attached.
  const earlier = await Volume.create(t, scenario, 'earlier');
  const attachedEarlier = await earlier.attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', withClaims('data')));
  const drainer = scenario.drain();
  const waiting = await drainer.reports('that it waits for the volume', isAttached);
  assert.deepEqual(new Set(v.parse(Names, waiting['volumes'])), new Set([data.name, earlier.name]));
  assert.deepEqual(await scenario.pods(), []);
  assert.ok(drainer.isRunning);
  await attachment.detach();
  await attachedEarlier.detach();
  const { exitCode, lines } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.deepEqual(
    lines.filter(isOfVolumes).map(({ event }) => event),
    ['volumes attached', 'volumes detached'],
  );
  assert.ok(await elsewhere.exists(), 'the drain does not wait for the attachment to another node');
  await scenario.noHarm();
});

// The volume of a DaemonSet pod or static pod stays attached until the instance terminates: waiting for it never ends.
test('the drain does not wait for volumes that a skipped pod uses', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  for (const claim of ['own', 'shared']) await (await Volume.create(t, scenario, claim)).attachTo(node);
  const mirror = { 'kubernetes.io/config.mirror': 'a-hash' };
  await scenario.pod('skipped', { node, annotations: mirror, ...withClaims('own', 'shared') });
  await scenario.pod('evicted', { node, ...withClaims('shared') });
  const drainer = scenario.drain({}, { node });
  await drainer.reports('that it evicted the pod', ({ event }) => event === 'eviction accepted');
  await scenario.end('evicted');
  const { exitCode, lines } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.deepEqual(lines.filter(isOfVolumes), []);
  assert.deepEqual(
    (await scenario.pods()).map(({ metadata }) => metadata?.name),
    ['skipped'],
  );
  await scenario.noHarm();
});

// A volume that cannot be detached keeps the instance until its lifecycle action ends.
test('VOLUME_DETACH_TIMEOUT_SECONDS limits the wait, and volumes that are still attached are reported', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const data = await Volume.create(t, scenario, 'data');
  const attachment = await data.attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', withClaims('data')));
  const { exitCode, summary, lines } = await scenario.drain({ VOLUME_DETACH_TIMEOUT_SECONDS: '2' }).ended(20_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  const [attached, stillAttached] = lines.filter(isOfVolumes);
  assert.equal(stillAttached?.event, 'volumes still attached');
  assert.deepEqual(stillAttached?.['volumes'], [data.name]);
  const waited = (stillAttached?.time ?? 0) - (attached?.time ?? 0);
  assert.ok(waited >= 1_500 && waited < 6_000, `${waited} ms`);
  assert.ok(await attachment.exists());
  const why = 'the setting says so';
  await scenario.onlyHarm(why, { kind: 'volume attached', volume: data.name });
});

// Without CSI drivers, or without permission to read attachments, every drain waits for nothing.
test('with VOLUME_DETACH_TIMEOUT_SECONDS=0 the drain does not wait for volumes', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const data = await Volume.create(t, scenario, 'data');
  await data.attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', withClaims('data')));
  const { exitCode, lines } = await scenario.drain({ VOLUME_DETACH_TIMEOUT_SECONDS: '0' }).ended();
  assert.equal(exitCode, 0);
  assert.deepEqual(lines.filter(isOfVolumes), []);
  await eventually('the pod is gone', async () => (await scenario.findPod('database')) === undefined || undefined);
  const why = 'the setting says so';
  await scenario.onlyHarm(why, { kind: 'volume attached', volume: data.name });
});

// A duplicate event, a sweep or a successor starts a task that evicts nothing: it would complete the hook with the volume attached.
test('a second task that has evicted nothing waits for the volume like the first', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const data = await Volume.create(t, scenario, 'data');
  const attachment = await data.attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', withClaims('data')));
  const { spec } = await cluster.admin.core.readNode({ name: scenario.worker });
  const instance = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: scenario.worker };
  const termination = await Termination.start(t, scenario, instance);
  const first = termination.drainByKubeconfig(cluster);
  await first.reports('that it waits for the volume', isAttached);
  assert.deepEqual(await scenario.pods(), []);
  const second = termination.drainByKubeconfig(cluster);
  const waiting = await second.reports('that it waits for the volume, too', isAttached);
  assert.deepEqual(waiting['volumes'], [data.name]);
  assert.equal(termination.action.state, 'pending');
  assert.ok(first.isRunning && second.isRunning);
  await attachment.detach();
  for (const task of [first, second]) assert.equal((await task.ended(15_000)).exitCode, 0);
  assert.equal(termination.action.result, 'CONTINUE');
  await scenario.noHarm();
});
