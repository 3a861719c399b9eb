import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { merge } from './admin.ts';
import { assertUntouched, EKSCTL_LABEL } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, providerIdOf, randomInstanceId, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// Every part works alone, but the instance waits for a hook that is never completed.
test('an instance found by its private DNS name is drained, and its hook gets a heartbeat and CONTINUE', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  const { spec } = await cluster.admin.core.readNode({ name: scenario.worker });
  const instanceId = instanceIdOf(spec?.providerID);
  const termination = await Termination.start(t, scenario, { instanceId, privateDnsName: scenario.worker });
  const { exitCode, summary, lines } = await termination.drainByKubeconfig(cluster).ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(lines.find(({ event }) => event === 'node found')?.matchedBy, 'private DNS name');
  assert.deepEqual(await scenario.pods(), []);
  assert.deepEqual(termination.action, { state: 'completed', result: 'CONTINUE', heartbeats: 1 });
  assert.equal(summary.heartbeats, 1);
  await scenario.noHarm();
});

// A node whose name is not EC2's private DNS name is not found.
test("a node is found by eksctl's label with the instance ID", async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const instanceId = randomInstanceId();
  const node = await scenario.fakeNode({
    providerID: providerIdOf(instanceId),
    labels: { [EKSCTL_LABEL]: instanceId },
  });
  await scenario.pod('held', { node, held: true });
  const termination = await Termination.start(t, scenario, { instanceId });
  const drainer = termination.drainByKubeconfig(cluster);
  assert.equal((await drainer.reports('the node', ({ event }) => event === 'node found')).matchedBy, 'eksctl label');
  await scenario.terminating('held');
  assert.deepEqual(termination.action, { state: 'pending', result: undefined, heartbeats: 1 });
  await scenario.release('held');
  await scenario.end('held');
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(termination.action.result, 'CONTINUE');
  await scenario.noHarm();
});

// Without a label and a matching name, the provider ID is the only link between an instance and its node.
test('a node is found by its provider ID', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const instanceId = randomInstanceId();
  const node = await scenario.fakeNode({ providerID: providerIdOf(instanceId) });
  const termination = await Termination.start(t, scenario, { instanceId });
  const { exitCode, lines } = await termination.drainByKubeconfig(cluster).ended();
  assert.equal(exitCode, 0);
  const found = lines.find(({ event }) => event === 'node found');
  assert.deepEqual([found?.matchedBy, found?.node], ['provider ID', node]);
  assert.equal((await cluster.admin.core.readNode({ name: node })).spec?.unschedulable, true);
  assert.equal(termination.action.result, 'CONTINUE');
  await scenario.noHarm();
});

// IP addresses are reused within minutes: the node with that DNS name is now another instance in service.
test('a node of another instance with the same DNS name or label is not changed', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const instanceId = randomInstanceId();
  const node = await scenario.fakeNode({ providerID: providerIdOf(randomInstanceId()) });
  const label = { metadata: { labels: { [EKSCTL_LABEL]: instanceId } } };
  await cluster.admin.core.patchNode({ name: node, body: label }, merge);
  await scenario.pod('running', { node });
  const termination = await Termination.start(t, scenario, { instanceId, privateDnsName: node });
  const drainer = termination.drainByKubeconfig(cluster);
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 1);
  assert.equal(summary.result, 'node missing');
  assert.equal(termination.action.state, 'pending');
  await assertUntouched(cluster.admin, node);
  assert.equal((await scenario.findPod('running'))?.metadata?.deletionTimestamp, undefined);
  assert.deepEqual(await scenario.evictions(drainer), []);
  await scenario.noHarm();
});

// An instance that never joined the cluster waits until its hook times out.
test('the hook of a young instance without a node is completed with CONTINUE', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const launchTime = Date.now() - 60_000;
  const termination = await Termination.start(t, scenario, { instanceId: randomInstanceId(), launchTime });
  const { exitCode, summary } = await termination.drainByKubeconfig(cluster).ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  assert.deepEqual(termination.action, { state: 'completed', result: 'CONTINUE', heartbeats: 0 });
  await scenario.noHarm();
});
