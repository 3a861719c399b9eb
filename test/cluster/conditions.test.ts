import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { V1NodeCondition } from '@kubernetes/client-node';
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { applyRights } from './rights.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const strategicMerge = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);
const OURS = ['DrainInProgress', 'Drained'];

async function conditionsOf(node: string): Promise<V1NodeCondition[]> {
  return (await cluster.admin.core.readNode({ name: node })).status?.conditions ?? [];
}

const isOurs = ({ type }: V1NodeCondition) => OURS.includes(type);
const shown = (conditions: readonly V1NodeCondition[]) =>
  conditions
    .filter(isOurs)
    .map(({ type, status, reason }) => `${type}=${status} ${reason}`)
    .sort();

/** A node with a pod that a budget guards, and a condition of the node problem detector. */
async function guardedNode(scenario: Scenario): Promise<string> {
  const node = await scenario.fakeNode();
  const conditions = [
    { type: 'KernelDeadlock', status: 'False', reason: 'KernelHasNoDeadlock', lastTransitionTime: new Date(0) },
  ];
  await cluster.admin.core.patchNodeStatus({ name: node, body: { status: { conditions } } }, strategicMerge);
  await scenario.pod('guarded', { node });
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  return node;
}

// `kubectl describe node` and autoscalers look at conditions. A patch that replaces the list would remove those of the kubelet, and the
// node would be taken for one that never was ready.
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5683-lifecycle-conditions
test('the conditions of a node show its drain, and those of others stay as they are', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await guardedNode(scenario);
  const before = await conditionsOf(node);
  const drainer = scenario.drain({}, { node });
  await drainer.reports('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  const during = await conditionsOf(node);
  assert.deepEqual(shown(during), ['DrainInProgress=True NodeDrainerStarted', 'Drained=False NodeDrainerStarted']);
  await scenario.changeBudget('strict', { minAvailable: 0 });
  await drainer.reports('that the pod is evicted', ({ event }) => event === 'eviction accepted');
  await scenario.end('guarded');
  const { exitCode, summary, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const after = await conditionsOf(node);
  assert.deepEqual(shown(after), ['DrainInProgress=False NodeDrainerCompleted', 'Drained=True NodeDrainerCompleted']);
  const [drained] = after.filter(({ type }) => type === 'Drained');
  assert.equal(drained?.message, 'Drained by node-drainer: 1 pods evicted, 0 skipped, 0 remain');
  assert.ok(Math.abs((drained?.lastTransitionTime?.getTime() ?? 0) - Date.now()) < 30_000);
  for (const conditions of [during, after])
    assert.deepEqual(
      conditions.filter((each) => !isOurs(each)),
      before,
    );
  // The cordon, and two for the conditions.
  assert.equal(summary.apiRequests['patch'], 3);
  assert.ok(!lines.some(({ event }) => event === 'warning'));
  await scenario.noHarm();
});

// A drain that failed looks like one that still runs, for as long as the node exists.
test('a drain that ends with pods shows that it has failed; the next one shows itself, and since when', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await guardedNode(scenario);
  const policies = { DRAIN_DEADLINE_SECONDS: '1', LAST_RESORT: 'evict' };
  assert.equal((await scenario.drain(policies, { node }).ended()).exitCode, 0);
  const first = await conditionsOf(node);
  assert.deepEqual(shown(first), ['DrainInProgress=False NodeDrainerFailed', 'Drained=False NodeDrainerFailed']);
  const second = scenario.drain(policies, { node });
  await second.reports('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  const again = await conditionsOf(node);
  assert.deepEqual(shown(again), ['DrainInProgress=True NodeDrainerStarted', 'Drained=False NodeDrainerStarted']);
  const since = (conditions: readonly V1NodeCondition[]) =>
    conditions.find(({ type }) => type === 'Drained')?.lastTransitionTime;
  assert.deepEqual(since(again), since(first));
  await second.ended();
  const why = 'with LAST_RESORT=evict a budget may cost a pod its SIGTERM';
  await scenario.onlyHarm(why, { kind: 'cut off', pod: `${scenario.namespace}/guarded`, hadSigterm: false });
});

// With the rbac.yaml of an older version every drain would fail, for something that no pod needs.
test('without the right to set conditions the drain warns once, and ends as it does with it', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  t.after(() => applyRights(cluster));
  await applyRights(cluster, { group: '', resource: 'nodes/status', verb: 'patch' });
  await scenario.pod('web');
  const { exitCode, lines } = await scenario.drain().ended();
  assert.equal(exitCode, 0);
  const warnings = lines.filter(({ event }) => event === 'warning');
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]?.message ?? '', /could not set its conditions .*cannot patch resource "nodes\/status"/s);
  await scenario.noHarm();
});
