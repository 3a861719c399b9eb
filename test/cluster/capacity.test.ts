import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { setReady } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, providerIdOf, randomInstanceId, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/** The worker's instance is terminating. Its replacement is InService, but the replacement's node is not ready yet. */
async function replacement(t: TestContext, scenario: Scenario) {
  const { spec } = await cluster.admin.core.readNode({ name: scenario.worker });
  const terminating = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: scenario.worker };
  const termination = await Termination.start(t, scenario, terminating);
  const instanceId = randomInstanceId();
  termination.launch(instanceId);
  const node = await scenario.fakeNode({ providerID: providerIdOf(instanceId) });
  await setReady(cluster.admin, node, 'False');
  return { termination, node };
}

// Pods that are evicted before there is capacity for them are down until a new instance has started.
test('WAIT_FOR_CAPACITY=on cordons at once, and evicts when the group has its desired number of ready nodes', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  const { termination, node } = await replacement(t, scenario);
  const drainer = termination.drainByKubeconfig(cluster, { WAIT_FOR_CAPACITY: 'on' });
  const waiting = await drainer.reports('that it waits', ({ event }) => event === 'waiting for capacity');
  assert.match(waiting.message, /0 of 1 nodes of the group are ready/);
  assert.equal((await cluster.admin.core.readNode({ name: scenario.worker })).spec?.unschedulable, true);
  assert.equal((await scenario.findPod('web'))?.metadata?.deletionTimestamp, undefined);
  await setReady(cluster.admin, node, 'True');
  const { exitCode } = await drainer.ended(30_000);
  assert.equal(exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  assert.equal(termination.action.result, 'CONTINUE');
  await scenario.noHarm();
});

// A group that cannot start instances (no capacity, a bad image) blocks every drain.
test('WAIT_FOR_CAPACITY_SECONDS limits that wait, and the drain then starts without the capacity', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  const { termination } = await replacement(t, scenario);
  const bounded = { WAIT_FOR_CAPACITY: 'on', WAIT_FOR_CAPACITY_SECONDS: '2' };
  const { exitCode, lines } = await termination.drainByKubeconfig(cluster, bounded).ended(20_000);
  assert.equal(exitCode, 0);
  const waiting = lines.find(({ event }) => event === 'waiting for capacity');
  const requested = lines.find(({ event }) => event === 'eviction requested');
  const waited = (requested?.time ?? 0) - (waiting?.time ?? 0);
  assert.ok(waited >= 1_500 && waited < 6_000, `${waited} ms`);
  assert.ok(lines.some(({ message }) => /0 of 1 ready nodes; the drain starts anyway/.test(message)));
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});
