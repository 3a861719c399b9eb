import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { podOn } from './manifests.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// A drain that skips terminating pods completes the hook, and the instance terminates while they still serve requests.
test('a pod that is already terminating is waited for, and not evicted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('ending', { held: true });
  await cluster.admin.core.deleteNamespacedPod({ name: 'ending', namespace: scenario.namespace });
  await scenario.terminating('ending');
  const drainer = scenario.drain();
  const waiting = await drainer.reports('that it waits', ({ event }) => event === 'pod waiting');
  assert.equal(waiting.pod, `${scenario.namespace}/ending`);
  assert.equal(waiting.waitReason, 'terminating');
  await scenario.create(podOn(scenario.worker, 'marker'));
  await drainer.reports(
    'that the marker is gone',
    ({ event, pod }) => event === 'pod gone' && /marker$/.test(pod ?? ''),
  );
  assert.ok(drainer.isRunning);
  await scenario.release('ending');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.evictions(drainer), ['marker']);
  await scenario.noHarm();
});

// Without the finalizer's name, the drain looks as if it hangs.
test('a pod that a finalizer holds is waited for, and the finalizer is named', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('stuck', { held: true });
  await cluster.admin.core.deleteNamespacedPod({ name: 'stuck', namespace: scenario.namespace });
  const drainer = scenario.drain();
  const waiting = await drainer.reports(
    'why it waits',
    ({ event, pod }) => event === 'pod waiting' && /stuck$/.test(pod ?? ''),
  );
  assert.match(waiting.reason ?? '', /held by finalizer test\.fargate-node-drainer\/hold$/);
  await scenario.release('stuck');
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.ok(lines.some(({ event, pod }) => event === 'pod gone' && pod === `${scenario.namespace}/stuck`));
  await scenario.noHarm();
});

// The scheduler may choose the node just before the cordon: a drain that lists pods once loses such a pod with the instance.
test('a pod that is bound to the node after the first list is evicted too', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  await scenario.terminating('held');
  await scenario.create(podOn(scenario.worker, 'late'));
  await drainer.reports('that late is gone', ({ event, pod }) => event === 'pod gone' && /late$/.test(pod ?? ''));
  assert.ok(drainer.isRunning);
  await scenario.release('held');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  assert.deepEqual(await scenario.evictions(drainer), ['held', 'late']);
  await scenario.noHarm();
});

// Evictions in a terminating namespace are refused with 403: treated as missing permissions, this fails the drain.
test('a namespace that is deleted during the drain takes its pods with it, even if a budget blocks them', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  await scenario.budget('all', 'web', { minAvailable: 1 }, 1);
  const drainer = scenario.drain();
  await drainer.reports('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  await cluster.admin.core.deleteNamespace({ name: scenario.namespace });
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});
