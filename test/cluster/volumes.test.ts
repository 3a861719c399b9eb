import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Line } from './drainer.ts';
import { claiming, podOn } from './manifests.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';
import { Volume } from './volume.ts';

const lab = await openLab();
after(() => lab.close());

const isAttached = ({ event }: Line) => event === 'volumes attached';
const isOfVolumes = ({ event }: Line) => event.startsWith('volumes');

// A machine that goes with the disk still attached keeps it for six minutes from the pod that takes it over.
test('the drain waits until the volume of a pod that went is detached, and names it', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const data = await Volume.of(t, scenario, 'data');
  const attachment = await data.attachTo(scenario.worker);
  const elsewhere = await data.attachTo('another-node');
  await (await Volume.of(t, scenario, 'nobodys')).attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', claiming('data')));
  const drainer = scenario.drain();
  const waits = await drainer.says('that it waits for the volume', isAttached);
  assert.equal(waits.message, `waiting for volumes to detach: ${data.name}`);
  assert.deepEqual(await scenario.pods(), []);
  assert.ok(drainer.isRunning);
  await attachment.detach();
  const { exitCode, lines } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.deepEqual(
    lines.filter(isOfVolumes).map(({ event }) => event),
    ['volumes attached', 'volumes detached'],
  );
  assert.ok(await elsewhere.isThere(), 'the attachment to another node is nothing to wait for');
});

// A DaemonSet's or a static pod's disk stays attached until the machine is off: that wait would never end.
test('volumes that a pod which stays has in use are not waited for', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  for (const claim of ['own', 'shared']) await (await Volume.of(t, scenario, claim)).attachTo(node);
  const mirror = { 'kubernetes.io/config.mirror': 'a-hash' };
  await scenario.pod('stays', { node, annotations: mirror, ...claiming('own', 'shared') });
  await scenario.pod('goes', { node, ...claiming('shared') });
  const drainer = scenario.drain({}, { node });
  await drainer.says('that it asked', ({ event }) => event === 'eviction accepted');
  await scenario.end('goes');
  const { exitCode, lines } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.deepEqual(lines.filter(isOfVolumes), []);
  assert.deepEqual(
    (await scenario.pods()).map(({ metadata }) => metadata?.name),
    ['stays'],
  );
});

// A detach that fails for good must not hold the instance as long as its hook lives.
test('VOLUME_DETACH_TIMEOUT_SECONDS bounds the wait, and what is still attached is told', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const data = await Volume.of(t, scenario, 'data');
  const attachment = await data.attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', claiming('data')));
  const { exitCode, summary, lines } = await scenario.drain({ VOLUME_DETACH_TIMEOUT_SECONDS: '2' }).ended(20_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  const [attached, givenUp] = lines.filter(isOfVolumes);
  assert.equal(givenUp?.event, 'volumes still attached');
  assert.deepEqual(givenUp?.['volumes'], [data.name]);
  const waited = (givenUp?.time ?? 0) - (attached?.time ?? 0);
  assert.ok(waited >= 1_500 && waited < 6_000, `${waited} ms`);
  assert.ok(await attachment.isThere());
});

// In a cluster without CSI drivers, or without the right to see attachments, the wait has to be avoidable.
test('with VOLUME_DETACH_TIMEOUT_SECONDS=0 nothing is waited for', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const data = await Volume.of(t, scenario, 'data');
  await data.attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', claiming('data')));
  const { exitCode, lines } = await scenario.drain({ VOLUME_DETACH_TIMEOUT_SECONDS: '0' }).ended();
  assert.equal(exitCode, 0);
  assert.deepEqual(lines.filter(isOfVolumes), []);
  await eventually('the pod is gone', async () => (await scenario.podNow('database')) === undefined || undefined);
});
