import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// Deleted with a grace period of zero, a database is killed in the middle of a write.
test('ON_DEADLINE=force deletes the pods that a budget blocks, with their own grace period', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  await scenario.pod('guarded', {
    node,
    annotations: { 'lab/shutdown-ms': 'never' },
    spec: { terminationGracePeriodSeconds: 47 },
  });
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  const drainer = scenario.drain({ DRAIN_DEADLINE_SECONDS: '2', ON_DEADLINE: 'force' }, { node });
  scenario.witness.endsBy(node, Date.now() + 2_000);
  await drainer.reports('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  const { metadata } = await scenario.terminating('guarded');
  assert.equal(metadata?.deletionGracePeriodSeconds, 47);
  assert.ok(drainer.isRunning, 'the drain waits for the deleted pod');
  await scenario.end('guarded');
  const { exitCode, summary, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  const deadline = lines.findIndex(({ event }) => event === 'deadline');
  const deletion = lines.findIndex(({ action }) => action === 'delete');
  assert.ok(deadline !== -1 && deadline < deletion, 'deleted only after the deadline');
  await scenario.noHarm();
});

// A drain that waits for its last pod after the deadline ignores the deadline.
test('with LAST_RESORT=evict the drain ends at the deadline, and the pods that a budget blocks remain', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('guarded');
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  const policies = { DRAIN_DEADLINE_SECONDS: '2', LAST_RESORT: 'evict' };
  const { exitCode, summary } = await scenario.drain(policies).ended(15_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'deadline');
  assert.equal(summary.pods.remaining, 1);
  assert.equal((await scenario.findPod('guarded'))?.metadata?.deletionTimestamp, undefined);
  const why = 'with LAST_RESORT=evict a budget may cost a pod its SIGTERM';
  await scenario.onlyHarm(why, { kind: 'cut off', pod: `${scenario.namespace}/guarded`, hadSigterm: false });
});
