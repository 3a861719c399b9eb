import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { each } from '../support/each.ts';
import { podOn } from './manifests.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { isSimulated, openTestCluster } from './test-cluster.ts';

/** A kubelet runs 110 pods by default. */
const MANY = isSimulated ? 1_000 : 100;

const cluster = await openTestCluster();
after(() => cluster.close());

// The API server closes a watch that is too slow for a burst: a drainer that relies on one watch never ends.
test('a node with the maximum number of pods is drained', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const names = Array.from({ length: MANY }, (_, index) => `pod-${String(index).padStart(4, '0')}`);
  await each(names, 20, (name) => scenario.create(podOn(scenario.worker, name, { labels: { app: 'many' } })));
  await scenario.ready('many', names.length);
  const drainer = scenario.drain();
  const { exitCode, summary } = await drainer.ended(90_000);
  assert.equal(exitCode, 0);
  assert.ok(summary.pods.evicted >= MANY, `${summary.pods.evicted} of ${MANY}`);
  assert.deepEqual(await scenario.pods(), []);
  assert.deepEqual(await scenario.evictions(drainer), names);
  await scenario.noHarm();
});

// Events are delivered at least once: two tasks drain one node, and make each other fail.
test('two drainers on one node at the same time both succeed', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const names = Array.from({ length: 20 }, (_, index) => `pod-${index}`);
  await each(names, 20, (name) => scenario.create(podOn(scenario.worker, name, { labels: { app: 'many' } })));
  await scenario.ready('many', names.length);
  await scenario.pod('held', { held: true });
  await scenario.budget('one-at-a-time', 'many', { minAvailable: 0 }, 20);
  const drainers = [scenario.drain(), scenario.drain()];
  for (const drainer of drainers) await drainer.reports('the plan', ({ event }) => event === 'planned');
  await eventually('only the held pod remains', async () => (await scenario.pods()).length === 1 || undefined);
  await scenario.release('held');
  for (const drainer of drainers) {
    const { exitCode, summary } = await drainer.ended();
    assert.equal(exitCode, 0);
    assert.equal(summary.result, 'drained');
    assert.equal(summary.pods.remaining, 0);
  }
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});
