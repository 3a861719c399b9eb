import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { merge } from './admin.ts';
import { setReady } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// A crashed instance removes no finalizer: waiting for the pod keeps its replacement from starting for two days.
test('a pod that only a finalizer keeps is waited for on a ready node, and skipped once the kubelet stops reporting', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  const node = await scenario.fakeNode();
  await scenario.pod('stuck', { node, held: true });
  const finishedAt = new Date().toISOString();
  const terminated = { exitCode: 0, reason: 'Completed', startedAt: finishedAt, finishedAt };
  const container = { name: 'pause', image: 'pause', imageID: 'pause', ready: false, restartCount: 0 };
  const body = { status: { containerStatuses: [{ ...container, state: { terminated } }] } };
  await cluster.admin.core.patchNamespacedPodStatus({ name: 'stuck', namespace, body }, merge);
  const drainer = scenario.drain({}, { node });
  await drainer.reports(
    'that it waits',
    ({ event, pod }) => event === 'eviction accepted' && pod === `${namespace}/stuck`,
  );
  await scenario.terminating('stuck');
  assert.ok(drainer.isRunning);
  await setReady(cluster.admin, node, 'Unknown');
  const { exitCode, summary, lines } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  const skipped = lines.find(({ event, pod }) => event === 'pod skipped' && pod === `${namespace}/stuck`);
  assert.match(
    skipped?.reason ?? '',
    /^the node is not ready, and only finalizer test\S+\/hold keeps the pod: not waiting for it$/,
  );
  assert.notEqual((await scenario.findPod('stuck'))?.metadata?.deletionTimestamp, undefined);
});
