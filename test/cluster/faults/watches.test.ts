import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { podOn, replicaSet } from '../manifests.ts';
import { applyRights } from '../rights.ts';
import { Scenario } from '../scenario.ts';
import { openSimulatedCluster } from '../simulated-cluster.ts';

const cluster = await openSimulatedCluster();
await applyRights(cluster);
after(() => cluster.close());
const { simulator } = cluster;

/** How many watches the drainer has opened on a resource. */
function watchesOf(resource: string): number {
  return simulator.requests.filter(
    ({ user, verb, resource: of }) => user === 'node-drainer' && verb === 'watch' && of === resource,
  ).length;
}

for (const how of ['end', 'reset'] as const) {
  // The API server closes a watch that is too slow for a burst: a drainer that relies on one watch never ends.
  test(`every pod is evicted although watches ${how} in a burst`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const names = Array.from({ length: 60 }, (_, index) => `pod-${index}`);
    for (const name of names) await scenario.create(podOn(scenario.worker, name));
    await scenario.ready('pod-59', 1);
    const before = watchesOf('pods');
    const drainer = scenario.drain();
    await drainer.reports('an eviction request', ({ event }) => event === 'eviction requested');
    const dropping = setInterval(() => simulator.dropWatches(how), 30);
    t.after(() => clearInterval(dropping));
    await drainer.reports('that a pod is gone', ({ event }) => event === 'pod gone');
    simulator.dropWatches(how);
    clearInterval(dropping);
    const { exitCode, summary } = await drainer.ended(30_000);
    assert.equal(exitCode, 0);
    assert.equal(summary.pods.evicted, 60);
    assert.ok(watchesOf('pods') - before > 1, 'at least one watch was dropped');
    assert.deepEqual(await scenario.evictions(), names.sort());
    await scenario.noHarm();
  });
}

// A watch cannot continue after 410: without a new list, the drain misses changes of pods, budgets and nodes.
test('after 410 Gone the drain continues from a new list', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 2 }), 2);
  await scenario.budget('strict', 'web', { maxUnavailable: 0 }, 2);
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  await scenario.terminating('held');
  await drainer.reports('that a budget blocks', ({ waitReason }) => waitReason === 'budget');
  for (let round = 0; round < 3; round++) {
    await scenario.create(podOn(scenario.worker, `late-${round}`));
    simulator.compact();
    simulator.dropWatches();
    await drainer.reports(
      'that it is gone',
      ({ event, pod }) => event === 'pod gone' && pod?.endsWith(`/late-${round}`) === true,
    );
  }
  simulator.compact();
  simulator.dropWatches();
  const allowedAt = Date.now();
  await scenario.changeBudget('strict', { maxUnavailable: 1 });
  const accepted = await drainer.reports(
    'that one pod is evicted',
    ({ event, pod }) => event === 'eviction accepted' && /\/web-/.test(pod ?? ''),
  );
  assert.ok(accepted.time - allowedAt < 5_000, `${accepted.time - allowedAt} ms after the budget allowed it`);
  await scenario.release('held');
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.pods.remaining, 0);
  await scenario.noHarm();
});
