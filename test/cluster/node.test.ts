import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { noHarm } from '../witness/harm.ts';
import { merge } from './admin.ts';
import { assertUntouched, EXCLUSION } from './nodes.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// A drain that waits for a first pod event never ends on an empty node.
test('an empty node is drained at once', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { exitCode, summary } = await scenario.drain().ended(20_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(summary.pods.remaining, 0);
  await scenario.noHarm();
});

// A schedulable node gets new pods and is never empty; a load balancer sends requests to it until the instance terminates.
test('with LOAD_BALANCER_EXCLUSION=start the cordon also excludes the node from load balancers', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const exclusion = { LOAD_BALANCER_EXCLUSION: 'start', LOAD_BALANCER_SECONDS: '0' };
  assert.equal((await scenario.drain(exclusion).ended()).exitCode, 0);
  const { metadata, spec } = await cluster.admin.core.readNode({ name: scenario.worker });
  assert.equal(spec?.unschedulable, true);
  assert.equal(metadata?.labels?.[EXCLUSION], 'true');
  await scenario.noHarm();
});

// Some load balancers remove a node as soon as it has the label, and close its connections.
test('with LOAD_BALANCER_EXCLUSION=off the cordon sets no label', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  assert.equal((await scenario.drain({ LOAD_BALANCER_EXCLUSION: 'off' }).ended()).exitCode, 0);
  const { metadata, spec } = await cluster.admin.core.readNode({ name: scenario.worker });
  assert.equal(spec?.unschedulable, true);
  assert.equal(metadata?.labels?.[EXCLUSION], undefined);
  await scenario.noHarm();
});

// Evicted pods return to an uncordoned node, and the drain never ends.
test('a node that is uncordoned during the drain is cordoned again, with a warning', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { core } = cluster.admin;
  const name = scenario.worker;
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  await scenario.terminating('held');
  await core.patchNode({ name, body: { spec: { unschedulable: false } } }, merge);
  await drainer.reports(
    'that it is cordoned again',
    ({ event, message }) => event === 'warning' && /again/.test(message),
  );
  await eventually('it is cordoned', async () => (await core.readNode({ name })).spec?.unschedulable);
  await scenario.release('held');
  assert.equal((await drainer.ended()).summary.result, 'drained');
  await scenario.noHarm();
});

// The pods are gone with the instance: waiting for them keeps its hook pending for hours.
test('the drain ends when its node is deleted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  await scenario.pod('held', { node, held: true });
  const drainer = scenario.drain({}, { node });
  await scenario.terminating('held');
  assert.ok(drainer.isRunning);
  await cluster.admin.core.deleteNode({ name: node });
  const { exitCode, summary } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  // No machine has ended.
  await noHarm(scenario.witness);
});

// Node names are reused within minutes: the drain evicts the pods of a new node.
test('a new node with the same name is not changed', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  await scenario.pod('held', { node, held: true });
  const drainer = scenario.drain({}, { node });
  await scenario.terminating('held');
  await cluster.admin.core.deleteNode({ name: node });
  await scenario.fakeNode({ name: node });
  await scenario.pod('new-pod', { node });
  const { exitCode, summary } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  await assertUntouched(cluster.admin, node);
  assert.equal((await scenario.findPod('new-pod'))?.metadata?.deletionTimestamp, undefined);
  assert.deepEqual(await scenario.evictions(drainer), ['held']);
  // No machine has ended.
  await noHarm(scenario.witness);
});

// A typo in the node name is reported as "drained".
test('a drain of a node that does not exist fails', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { exitCode, text } = await scenario.drain({}, { node: 'no-such-node' }).ended();
  assert.equal(exitCode, 1);
  assert.match(text, /no node called no-such-node/);
  // A name is copied from another cluster, or only in part.
  assert.match(text, /nearest of its \d+ nodes: \S+, \S+/);
  await scenario.noHarm();
});
