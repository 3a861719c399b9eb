import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { replicaSet } from './manifests.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// A dry run that cordons a node or evicts a pod is an incident.
test('--dry-run reports a decision for every pod and the budget that blocks, and changes nothing', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  await scenario.pod('free');
  await scenario.pod('guarded');
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  await scenario.pod('twice');
  for (const name of ['first', 'second']) await scenario.budget(name, 'twice', { minAvailable: 0 }, 1);
  await scenario.pod('ending', { held: true });
  await cluster.admin.core.deleteNamespacedPod({ name: 'ending', namespace });
  await scenario.terminating('ending');
  const state = async () => ({
    node: (await cluster.admin.core.readNode({ name: scenario.worker })).spec,
    pods: (await scenario.pods()).map(({ metadata }) => [
      metadata?.name,
      metadata?.uid,
      metadata?.deletionTimestamp !== undefined,
    ]),
  });
  const before = await state();

  const drainer = scenario.drain({}, { flags: ['--dry-run'] });
  const { exitCode, summary, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'dry run');
  const decisionFor = (name: string) =>
    lines.find(({ event, pod }) => event === 'dry run decision' && pod === `${namespace}/${name}`);
  assert.equal(decisionFor('free')?.action, 'evict');
  assert.equal(decisionFor('guarded')?.action, 'wait');
  assert.equal(decisionFor('guarded')?.reason, 'budget strict allows no disruption (1 of 1 healthy, 1 needed)');
  assert.equal(decisionFor('guarded')?.['cause'], 'structural');
  assert.deepEqual([decisionFor('twice')?.action, decisionFor('twice')?.['cause']], ['wait', 'several budgets']);
  const held = lines.filter(({ event }) => event === 'pods held');
  assert.deepEqual(held.map(({ by }) => by).sort(), [
    `budget ${namespace}/strict`,
    `budgets ${namespace}/first, ${namespace}/second`,
  ]);
  assert.ok(held.every(({ dryRun, advice }) => dryRun === true && String(advice).includes('kubectl')));
  assert.equal(decisionFor('ending')?.action, 'wait');
  assert.match(decisionFor('ending')?.reason ?? '', /^terminating .* held by finalizer/);
  assert.deepEqual(await state(), before);
  for (const verb of ['create', 'patch', 'delete']) assert.equal(summary.apiRequests[verb], 0, verb);
  assert.deepEqual(await scenario.evictions(drainer), []);
  await scenario.noHarm();
});

// The dry run says "would be evicted" of four pods, of which the drain then evicts one, and waits.
test('--dry-run foresees which pods of a workload without a budget wait for others', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 3 }), 3);
  const decisionsIn = async (environment: Record<string, string>) => {
    const { lines } = await scenario.drain(environment, { flags: ['--dry-run'] }).ended();
    const ours = lines.filter(({ event, pod }) => event === 'dry run decision' && pod?.startsWith(scenario.namespace));
    return ours.map(({ action, cause }) => (action === 'wait' ? `wait ${cause}` : action)).sort();
  };
  assert.deepEqual(await decisionsIn({}), ['evict', 'wait spread', 'wait spread']);
  assert.deepEqual(await decisionsIn({ UNBUDGETED: 'all' }), ['evict', 'evict', 'evict']);
  await scenario.noHarm();
});
