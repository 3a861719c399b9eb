import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { merge } from './admin.ts';
import { assertUntouched, EXCLUSION } from './nodes.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

// A drain that waits for the first pod event would wait on an empty node for ever.
test('an empty node is drained at once', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { exitCode, summary } = await scenario.drain().ended(20_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(summary.pods.remaining, 0);
});

// A node that still takes pods is never empty, and one that still gets traffic drops it.
test('the cordon makes the node unschedulable and excludes it from load balancers', async (t) => {
  const scenario = await Scenario.open(t, lab);
  assert.equal((await scenario.drain().ended()).exitCode, 0);
  const { metadata, spec } = await lab.admin.core.readNode({ name: scenario.worker });
  assert.equal(spec?.unschedulable, true);
  assert.equal(metadata?.labels?.[EXCLUSION], 'true');
});

// Some load balancers take a node out the moment the label is there, connections and all.
test('with LOAD_BALANCER_EXCLUSION=off the cordon sets no label', async (t) => {
  const scenario = await Scenario.open(t, lab);
  assert.equal((await scenario.drain({ LOAD_BALANCER_EXCLUSION: 'off' }).ended()).exitCode, 0);
  const { metadata, spec } = await lab.admin.core.readNode({ name: scenario.worker });
  assert.equal(spec?.unschedulable, true);
  assert.equal(metadata?.labels?.[EXCLUSION], undefined);
});

// On a node that is open again, what was evicted comes right back, and the drain goes round in circles.
test('a node that somebody uncordons in mid-drain is cordoned again, and said to be', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { core } = lab.admin;
  const name = scenario.worker;
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  await scenario.terminating('held');
  await core.patchNode({ name, body: { spec: { unschedulable: false } } }, merge);
  await drainer.says('that it is cordoned again', ({ event, message }) => event === 'warning' && /again/.test(message));
  await eventually('it is cordoned', async () => (await core.readNode({ name })).spec?.unschedulable);
  await scenario.release('held');
  assert.equal((await drainer.ended()).summary.result, 'drained');
});

// The machine is gone and its pods with it; waiting for them would keep the instance's hook busy for hours.
test('a node that is deleted in mid-drain ends the drain', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  await scenario.pod('held', { node, held: true });
  const drainer = scenario.drain({}, { node });
  await scenario.terminating('held');
  assert.ok(drainer.isRunning);
  await lab.admin.core.deleteNode({ name: node });
  const { exitCode, summary } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
});

// Names are used again within minutes: the pods of the new node are at work, and must stay.
test('a node that takes over the name in mid-drain is never touched', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  await scenario.pod('held', { node, held: true });
  const drainer = scenario.drain({}, { node });
  await scenario.terminating('held');
  await lab.admin.core.deleteNode({ name: node });
  await scenario.standIn({ name: node });
  await scenario.pod('newcomer', { node });
  const { exitCode, summary } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  await assertUntouched(lab.admin, node);
  assert.equal((await scenario.podNow('newcomer'))?.metadata?.deletionTimestamp, undefined);
  assert.deepEqual(await scenario.evictions(drainer), ['held']);
});

// "Drained" after a typing error is a lie.
test('a name that no node bears fails', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { exitCode, text } = await scenario.drain({}, { node: 'no-such-node' }).ended();
  assert.equal(exitCode, 1);
  assert.match(text, /no node called no-such-node/);
});
