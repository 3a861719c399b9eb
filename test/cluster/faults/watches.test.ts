import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { podOn, replicaSet } from '../manifests.ts';
import { applyRights } from '../rights.ts';
import { Scenario } from '../scenario.ts';
import { simulatedLab } from '../simulated-cluster.ts';

const lab = await simulatedLab();
await applyRights(lab);
after(() => lab.close());
const { simulator } = lab;

/** Watches that the drainer opened on the pods of a node, or on whatever else. */
function watchesOf(resource: string): number {
  return simulator.requests.filter(
    ({ user, verb, resource: of }) => user === 'node-drainer' && verb === 'watch' && of === resource,
  ).length;
}

for (const how of ['end', 'reset'] as const) {
  // An API server closes the watch of a client that is slow in a burst: whoever trusts one watch hangs for ever.
  test(`watches that ${how} in mid-burst cost no pod`, async (t) => {
    const scenario = await Scenario.open(t, lab);
    const names = Array.from({ length: 60 }, (_, index) => `pod-${index}`);
    for (const name of names) await scenario.create(podOn(scenario.worker, name));
    await scenario.ready('pod-59', 1);
    const before = watchesOf('pods');
    const drainer = scenario.drain();
    await drainer.says('that it asks', ({ event }) => event === 'eviction requested');
    const dropping = setInterval(() => simulator.dropWatches(how), 30);
    t.after(() => clearInterval(dropping));
    await drainer.says('that a pod is gone', ({ event }) => event === 'pod gone');
    simulator.dropWatches(how);
    clearInterval(dropping);
    const { exitCode, summary } = await drainer.ended(30_000);
    assert.equal(exitCode, 0);
    assert.equal(summary.pods.evicted, 60);
    assert.ok(watchesOf('pods') - before > 1, 'at least one watch was dropped');
    assert.deepEqual(await scenario.evictions(), names.sort());
  });
}

// A watch that answers 410 never works again from where it was: the list must be read anew, budgets and nodes too.
test('after 410 Gone the drain goes on from a new list', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 2 }), 2);
  await scenario.budget('strict', 'web', { maxUnavailable: 0 }, 2);
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  await scenario.terminating('held');
  await drainer.says('that a budget blocks', ({ waitReason }) => waitReason === 'budget');
  for (let round = 0; round < 3; round++) {
    await scenario.create(podOn(scenario.worker, `late-${round}`));
    simulator.compact();
    simulator.dropWatches();
    await drainer.says(
      'that it is gone',
      ({ event, pod }) => event === 'pod gone' && pod?.endsWith(`/late-${round}`) === true,
    );
  }
  simulator.compact();
  simulator.dropWatches();
  const allowedAt = Date.now();
  await scenario.changeBudget('strict', { maxUnavailable: 1 });
  const goes = await drainer.says(
    'that one goes',
    ({ event, pod }) => event === 'eviction accepted' && /\/web-/.test(pod ?? ''),
  );
  assert.ok(goes.time - allowedAt < 5_000, `${goes.time - allowedAt} ms after the budget allowed it`);
  await scenario.release('held');
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.pods.remaining, 0);
});
