import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { merge } from './admin.ts';
import { assertUntouched, EKSCTL_LABEL } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, providerIdOf, someInstanceId, Termination } from './termination.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

// Every part may work by itself, and the instance still wait for a hook that nobody completes.
test('an instance found by its private DNS name is drained, its hook beaten, and completed with CONTINUE', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('web');
  const { spec } = await lab.admin.core.readNode({ name: scenario.worker });
  const instanceId = instanceIdOf(spec?.providerID);
  const termination = await Termination.of(t, { instanceId, privateDnsName: scenario.worker });
  const { exitCode, summary, lines } = await termination.drainByKubeconfig(lab).ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(lines.find(({ event }) => event === 'node found')?.matchedBy, 'private DNS name');
  assert.deepEqual(await scenario.pods(), []);
  assert.deepEqual(termination.action, { state: 'completed', result: 'CONTINUE', beats: 1 });
  assert.equal(summary.heartbeats, 1);
});

// Nodes may be named otherwise than by EC2: by hostname, or by the instance ID.
test('an instance is found by the label that eksctl puts on its node', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const instanceId = someInstanceId();
  const node = await scenario.standIn({ providerID: providerIdOf(instanceId), labels: { [EKSCTL_LABEL]: instanceId } });
  await scenario.pod('held', { node, held: true });
  const termination = await Termination.of(t, { instanceId });
  const drainer = termination.drainByKubeconfig(lab);
  assert.equal((await drainer.says('what it found', ({ event }) => event === 'node found')).matchedBy, 'eksctl label');
  await scenario.terminating('held');
  assert.deepEqual(termination.action, { state: 'pending', result: undefined, beats: 1 });
  await lab.admin.core.deleteNode({ name: node });
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  assert.equal(termination.action.result, 'CONTINUE');
});

// Without a label and a matching name, the provider ID is the only link between a machine and its node.
test('an instance is found by the provider ID of its node', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const instanceId = someInstanceId();
  const node = await scenario.standIn({ providerID: providerIdOf(instanceId) });
  const termination = await Termination.of(t, { instanceId });
  const { exitCode, lines } = await termination.drainByKubeconfig(lab).ended();
  assert.equal(exitCode, 0);
  const found = lines.find(({ event }) => event === 'node found');
  assert.deepEqual([found?.matchedBy, found?.node], ['provider ID', node]);
  assert.equal((await lab.admin.core.readNode({ name: node })).spec?.unschedulable, true);
  assert.equal(termination.action.result, 'CONTINUE');
});

// An address is used again within minutes: the node that has it now is at work, on another machine.
test('a node of another instance behind the same DNS name, or with the same label, is not touched', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const instanceId = someInstanceId();
  const node = await scenario.standIn({ providerID: providerIdOf(someInstanceId()) });
  const label = { metadata: { labels: { [EKSCTL_LABEL]: instanceId } } };
  await lab.admin.core.patchNode({ name: node, body: label }, merge);
  await scenario.pod('at-work', { node });
  const termination = await Termination.of(t, { instanceId, privateDnsName: node });
  const drainer = termination.drainByKubeconfig(lab);
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  await assertUntouched(lab.admin, node);
  assert.equal((await scenario.podNow('at-work'))?.metadata?.deletionTimestamp, undefined);
  assert.deepEqual(await scenario.evictions(drainer), []);
});

// An instance that never joined, or whose node is deleted already, would wait for its timeout for nothing.
test('an instance without a node is let go', async (t) => {
  const termination = await Termination.of(t, { instanceId: someInstanceId() });
  const { exitCode, summary } = await termination.drainByKubeconfig(lab).ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  assert.deepEqual(termination.action, { state: 'completed', result: 'CONTINUE', beats: 0 });
});
