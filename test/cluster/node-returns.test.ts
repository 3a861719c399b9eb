import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { providerIdOf, randomInstanceId, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// A Node object that somebody deletes is registered again by its living kubelet, with all of its pods: they die undrained.
test('a node that is deleted and registered again in the middle of its drain is drained on', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  const instanceId = randomInstanceId();
  const providerID = providerIdOf(instanceId);
  const node = await scenario.fakeNode({ providerID });
  await scenario.pod('guarded', { node });
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  const termination = await Termination.start(t, scenario, { instanceId, privateDnsName: node });
  const drainer = termination.drainByKubeconfig(cluster);
  await drainer.reports('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  await cluster.admin.core.deleteNode({ name: node });
  await drainer.reports('that the node was deleted', ({ event }) => event === 'node deleted');
  await scenario.fakeNode({ name: node, providerID });
  await eventually('the new node is cordoned', async () => {
    return (await cluster.admin.core.readNode({ name: node })).spec?.unschedulable;
  });
  assert.equal(termination.action.state, 'pending');
  assert.equal((await scenario.findPod('guarded'))?.metadata?.deletionTimestamp, undefined);
  await scenario.changeBudget('strict', { minAvailable: 0 });
  await drainer.reports(
    'that the pod is evicted',
    ({ event, pod }) => event === 'eviction accepted' && pod === `${namespace}/guarded`,
  );
  await scenario.end('guarded');
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(termination.action.result, 'CONTINUE');
  await scenario.noHarm();
});
