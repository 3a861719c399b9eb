import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { merge } from './admin.ts';
import { replicaSet } from './manifests.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/**
 * What the drain of an EKS managed node group does to a node, as another user: it cordons the node and, when it does not respect
 * budgets (scale-in, zone rebalancing, a forced update, or after 15 minutes), deletes its pods without asking them.
 * https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html
 */
async function deleteWithoutBudgets(scenario: Scenario, everyMs: number): Promise<number> {
  const { namespace, worker } = scenario;
  const { core } = scenario.cluster.admin;
  await core.patchNode({ name: worker, body: { spec: { unschedulable: true } } }, merge);
  let deleted = 0;
  for (;;) {
    const here = (await scenario.pods()).filter(
      ({ metadata, spec }) => spec?.nodeName === worker && metadata?.deletionTimestamp === undefined,
    );
    const name = here[0]?.metadata?.name;
    if (name === undefined) return deleted;
    await core.deleteNamespacedPod({ namespace, name }).then(
      () => deleted++,
      () => undefined,
    );
    await pause(everyMs);
  }
}

// A pod that another drainer takes away under the drain is an error, or makes the drain believe that a budget has room.
test('beside a drainer that ignores budgets, the drain keeps to them, and ends without an error', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const slow = { replicas: 6, annotations: { 'lab/ready-ms': '700', 'lab/shutdown-ms': '400' } };
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', slow), 6);
  await scenario.budget('one-at-a-time', 'web', { maxUnavailable: 1 }, 6);
  const drainer = scenario.drain();
  await drainer.reports('that a budget blocks', ({ waitReason }) => waitReason === 'budget');
  const deleted = await deleteWithoutBudgets(scenario, 300);
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.ok(deleted > 0, 'the other drainer deleted nothing');
  assert.ok(
    !lines.some(({ level }) => level === 'error'),
    JSON.stringify(lines.filter(({ level }) => level === 'error')),
  );
  assert.ok(!lines.some(({ event, action }) => event === 'eviction requested' && action === 'delete'));
  await eventually('all pods are elsewhere', async () => {
    const pods = await scenario.pods();
    return pods.every(({ spec }) => spec?.nodeName !== scenario.worker) || undefined;
  });
  await scenario.noHarm();
});

// EKS uncordons nothing, but a failed update of a node group does: the evicted pods would come back.
test('beside a drainer that gives up and uncordons the node, the drain goes on', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('blocked');
  await scenario.budget('strict', 'blocked', { minAvailable: 1 }, 1);
  const drainer = scenario.drain();
  await drainer.reports('the waiting pod', ({ event }) => event === 'pod waiting');
  const { core } = scenario.cluster.admin;
  await core.patchNode({ name: scenario.worker, body: { spec: { unschedulable: null } } }, merge);
  await eventually('the node is cordoned again', async () => {
    const { spec } = await core.readNode({ name: scenario.worker });
    return spec?.unschedulable;
  });
  await scenario.deleteBudget('strict');
  assert.equal((await drainer.ended()).exitCode, 0);
  await scenario.noHarm();
});
