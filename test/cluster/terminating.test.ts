import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { podOn } from './manifests.ts';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

// Whoever skips what is ending already completes the hook, and the machine goes, while its requests are still served.
test('a pod that is terminating already is waited for, and not evicted', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('ending', { held: true });
  await lab.admin.core.deleteNamespacedPod({ name: 'ending', namespace: scenario.namespace });
  await scenario.terminating('ending');
  const drainer = scenario.drain();
  const waits = await drainer.says('that it waits', ({ event }) => event === 'pod waiting');
  assert.equal(waits.pod, `${scenario.namespace}/ending`);
  assert.equal(waits.waitReason, 'terminating');
  await scenario.create(podOn(scenario.worker, 'marker'));
  await drainer.says('that the marker is gone', ({ event, pod }) => event === 'pod gone' && /marker$/.test(pod ?? ''));
  assert.ok(drainer.isRunning);
  await scenario.release('ending');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.evictions(drainer), ['marker']);
});

// A finalizer that nobody takes off looks like a drain that hangs, unless the drain says whose turn it is.
test('a pod that a finalizer holds is waited for, and the finalizer is named', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('stuck', { held: true });
  await lab.admin.core.deleteNamespacedPod({ name: 'stuck', namespace: scenario.namespace });
  const drainer = scenario.drain();
  const waits = await drainer.says(
    'why it waits',
    ({ event, pod }) => event === 'pod waiting' && /stuck$/.test(pod ?? ''),
  );
  assert.match(waits.reason ?? '', /held by finalizer test\.fargate-node-drainer\/hold$/);
  await scenario.release('stuck');
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.ok(lines.some(({ event, pod }) => event === 'pod gone' && pod === `${scenario.namespace}/stuck`));
});

// The scheduler may have chosen the node just before the cordon; such a pod dies with the machine if nobody looks again.
test('a pod that lands on the node after the first list is drained too', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  await scenario.terminating('held');
  await scenario.create(podOn(scenario.worker, 'late'));
  await drainer.says('that late is gone', ({ event, pod }) => event === 'pod gone' && /late$/.test(pod ?? ''));
  assert.ok(drainer.isRunning);
  await scenario.release('held');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  assert.deepEqual(await scenario.evictions(drainer), ['held', 'late']);
});

// Evictions in a namespace that is being deleted are refused with 403; taken for missing rights, that ends the drain.
test('a namespace that is deleted in mid-drain takes its pods along, budget or not', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('web');
  await scenario.budget('all', 'web', { minAvailable: 1 }, 1);
  const drainer = scenario.drain();
  await drainer.says('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  await lab.admin.core.deleteNamespace({ name: scenario.namespace });
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.deepEqual(await scenario.pods(), []);
});
