import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { setReady } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, providerIdOf, someInstanceId, Termination } from './termination.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

/** The worker's instance is going, the one that takes its place is in service, and its node is not ready yet. */
async function replacement(t: TestContext, scenario: Scenario) {
  const { spec } = await lab.admin.core.readNode({ name: scenario.worker });
  const going = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: scenario.worker };
  const termination = await Termination.of(t, going);
  const instanceId = someInstanceId();
  termination.launch(instanceId);
  const node = await scenario.standIn({ providerID: providerIdOf(instanceId) });
  await setReady(lab.admin, node, 'False');
  return { termination, node };
}

// Pods that are evicted before there is a place for them are down for as long as a machine takes to start.
test('WAIT_FOR_CAPACITY=on cordons at once, and evicts when the group has the ready nodes that it wants', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('web');
  const { termination, node } = await replacement(t, scenario);
  const drainer = termination.drainByKubeconfig(lab, { WAIT_FOR_CAPACITY: 'on' });
  const waits = await drainer.says('that it waits', ({ event }) => event === 'waiting for capacity');
  assert.match(waits.message, /0 of 1 nodes of the group are ready/);
  assert.equal((await lab.admin.core.readNode({ name: scenario.worker })).spec?.unschedulable, true);
  assert.equal((await scenario.podNow('web'))?.metadata?.deletionTimestamp, undefined);
  await setReady(lab.admin, node, 'True');
  const { exitCode } = await drainer.ended(30_000);
  assert.equal(exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  assert.equal(termination.action.result, 'CONTINUE');
});

// A group that cannot start instances (no capacity, a bad image) must not keep the others from going.
test('WAIT_FOR_CAPACITY_SECONDS bounds that wait, and the drain begins all the same', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('web');
  const { termination } = await replacement(t, scenario);
  const bounded = { WAIT_FOR_CAPACITY: 'on', WAIT_FOR_CAPACITY_SECONDS: '2' };
  const { exitCode, lines } = await termination.drainByKubeconfig(lab, bounded).ended(20_000);
  assert.equal(exitCode, 0);
  const waits = lines.find(({ event }) => event === 'waiting for capacity');
  const asked = lines.find(({ event }) => event === 'eviction requested');
  const waited = (asked?.time ?? 0) - (waits?.time ?? 0);
  assert.ok(waited >= 1_500 && waited < 6_000, `${waited} ms`);
  assert.ok(lines.some(({ message }) => /0 of 1 ready nodes; the drain begins all the same/.test(message)));
  assert.deepEqual(await scenario.pods(), []);
});
