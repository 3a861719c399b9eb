import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { each } from '../support/each.ts';
import { podOn } from './manifests.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { isSimulated, openLab } from './test-cluster.ts';

/** A kubelet takes 110 pods, unless it is told otherwise. */
const MANY = isSimulated ? 1_000 : 100;

const lab = await openLab();
after(() => lab.close());

// A watch that is too slow for a burst is closed by the API server: a drainer that trusts one watch hangs for ever.
test('a node full of pods is drained', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const names = Array.from({ length: MANY }, (_, index) => `pod-${String(index).padStart(4, '0')}`);
  await each(names, 20, (name) => scenario.create(podOn(scenario.worker, name, { labels: { app: 'crowd' } })));
  await scenario.ready('crowd', names.length);
  const drainer = scenario.drain();
  const { exitCode, summary } = await drainer.ended(90_000);
  assert.equal(exitCode, 0);
  assert.ok(summary.pods.evicted >= MANY, `${summary.pods.evicted} of ${MANY}`);
  assert.deepEqual(await scenario.pods(), []);
  assert.deepEqual(await scenario.evictions(drainer), names);
});

// Events are delivered at least once: two tasks for one node must not fail each other.
test('two drainers on one node at the same time both succeed', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const names = Array.from({ length: 20 }, (_, index) => `pod-${index}`);
  await each(names, 20, (name) => scenario.create(podOn(scenario.worker, name, { labels: { app: 'crowd' } })));
  await scenario.ready('crowd', names.length);
  await scenario.pod('held', { held: true });
  await scenario.budget('one-at-a-time', 'crowd', { minAvailable: 0 }, 20);
  const drainers = [scenario.drain(), scenario.drain()];
  for (const drainer of drainers) await drainer.says('what it plans', ({ event }) => event === 'planned');
  await eventually('only the held pod is left', async () => (await scenario.pods()).length === 1 || undefined);
  await scenario.release('held');
  for (const drainer of drainers) {
    const { exitCode, summary } = await drainer.ended();
    assert.equal(exitCode, 0);
    assert.equal(summary.result, 'drained');
    assert.equal(summary.pods.remaining, 0);
  }
  assert.deepEqual(await scenario.pods(), []);
});
