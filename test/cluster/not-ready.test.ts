import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setReady } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// A crashed instance removes no finalizer: waiting for the pod keeps its replacement from starting for two days.
test('a pod that only a finalizer keeps is waited for on a ready node, and skipped once the kubelet has been silent for a minute', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  const node = await scenario.fakeNode();
  await stuckPod(scenario, node);
  const drainer = scenario.drain({}, { node });
  await drainer.reports(
    'that it waits',
    ({ event, pod }) => event === 'eviction accepted' && pod === `${namespace}/stuck`,
  );
  await scenario.terminating('stuck');
  assert.ok(drainer.isRunning);
  await setReady(cluster.admin, node, 'Unknown');
  const silentSince = Date.now();
  const { exitCode, summary, lines } = await drainer.ended(90_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  const skipped = lines.find(({ event, pod }) => event === 'pod skipped' && pod === `${namespace}/stuck`);
  assert.ok((skipped?.time ?? 0) - silentSince >= 59_500, 'not earlier: the node may come back');
  assert.match(
    skipped?.reason ?? '',
    /^its containers have ended, and only finalizer test\S+\/hold keeps the pod: not waiting for it$/,
  );
  assert.notEqual((await scenario.findPod('stuck'))?.metadata?.deletionTimestamp, undefined);
  await scenario.noHarm();
});

// A controller that is gone never removes its finalizer: the hook of a node without a single container is held for two days.
test('a pod that only a finalizer keeps on a living kubelet is no longer waited for after FINALIZER_SECONDS', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  await stuckPod(scenario, node);
  const drainer = scenario.drain({ FINALIZER_SECONDS: '3' }, { node });
  const accepted = await drainer.reports('that it is evicted', ({ event }) => event === 'eviction accepted');
  const { exitCode, summary, lines } = await drainer.ended(20_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  const skipped = lines.find(({ event }) => event === 'pod skipped');
  assert.equal(skipped?.pod, `${scenario.namespace}/stuck`);
  assert.match(skipped?.reason ?? '', /^its containers have ended, and only finalizer \S+\/hold keeps the pod/);
  const waited = (skipped?.time ?? 0) - accepted.time;
  assert.ok(waited >= 2_500 && waited < 8_000, `${waited} ms`);
  assert.notEqual((await scenario.findPod('stuck'))?.metadata?.deletionTimestamp, undefined);
  await scenario.noHarm();
});

/** A pod with a finalizer whose only container has ended. */
async function stuckPod(scenario: Scenario, node: string): Promise<void> {
  await scenario.pod('stuck', { node, held: true });
  await scenario.endContainer('stuck');
}
