import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { merge } from './admin.ts';
import { setReady } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

// The machine has crashed and takes nobody's finalizer off any more; waiting for that holds its replacement for two days.
test('a pod that only a finalizer keeps is waited for on a ready node, and given up when its kubelet is dead', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { namespace } = scenario;
  const node = await scenario.standIn();
  await scenario.pod('stuck', { node, held: true });
  const finishedAt = new Date().toISOString();
  const terminated = { exitCode: 0, reason: 'Completed', startedAt: finishedAt, finishedAt };
  const container = { name: 'pause', image: 'pause', imageID: 'pause', ready: false, restartCount: 0 };
  const body = { status: { containerStatuses: [{ ...container, state: { terminated } }] } };
  await lab.admin.core.patchNamespacedPodStatus({ name: 'stuck', namespace, body }, merge);
  const drainer = scenario.drain({}, { node });
  await drainer.says(
    'that it waits',
    ({ event, pod }) => event === 'eviction accepted' && pod === `${namespace}/stuck`,
  );
  await scenario.terminating('stuck');
  assert.ok(drainer.isRunning);
  await setReady(lab.admin, node, 'Unknown');
  const { exitCode, summary, lines } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  const left = lines.find(({ event, pod }) => event === 'pod skipped' && pod === `${namespace}/stuck`);
  assert.match(
    left?.reason ?? '',
    /^the node is not ready, and only finalizer test\S+\/hold keeps the pod: not waiting for it$/,
  );
  assert.notEqual((await scenario.podNow('stuck'))?.metadata?.deletionTimestamp, undefined);
});
