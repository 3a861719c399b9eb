import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { replicaSet } from './manifests.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';

/** Well below the ten seconds after which a blocked pod is tried again whatever its budget says. */
const AT_ONCE_MS = 3_000;

const lab = await openLab();
after(() => lab.close());

// One stubborn pod must not keep the others on a machine that is going to be switched off.
test('a blocked pod does not hold up its neighbours, and leaves as soon as its budget allows it', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { namespace } = scenario;
  await scenario.pod('blocked');
  await scenario.pod('neighbour');
  await scenario.budget('strict', 'blocked', { minAvailable: 1 }, 1);
  const drainer = scenario.drain();
  const waits = await drainer.says('who waits', ({ event }) => event === 'pod waiting');
  assert.equal(waits.pod, `${namespace}/blocked`);
  assert.equal(waits.reason, 'budget strict allows no disruption (1 of 1 healthy, 1 needed)');
  await drainer.says('who is gone', ({ event, pod }) => event === 'pod gone' && pod === `${namespace}/neighbour`);
  assert.equal((await scenario.podNow('blocked'))?.metadata?.deletionTimestamp, undefined);

  const allowedAt = Date.now();
  await scenario.changeBudget('strict', { minAvailable: 0 });
  const goes = await drainer.says(
    'that it goes',
    ({ event, pod }) => event === 'eviction accepted' && /blocked$/.test(pod ?? ''),
  );
  assert.ok(goes.time - allowedAt < AT_ONCE_MS, `${goes.time - allowedAt} ms after the budget allowed it`);
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
});

// Trying every few seconds makes each replica of a service wait in vain for its turn.
test('a blocked pod leaves as soon as the replacement of another is ready', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const slow = { replicas: 2, annotations: { 'lab/ready-ms': '1500' } };
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', slow), 2);
  await scenario.budget('one-at-a-time', 'web', { maxUnavailable: 1 }, 2);
  const drainer = scenario.drain();
  await drainer.says('that a budget blocks', ({ waitReason }) => waitReason === 'budget');
  const readyAt = await eventually('the replacement is ready', async () => {
    const { status } = await scenario.budgetNow('one-at-a-time');
    return (status?.disruptionsAllowed ?? 0) > 0 || drainer.asked(scenario.namespace).length === 2
      ? Date.now()
      : undefined;
  });
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const accepted = lines.filter(({ event }) => event === 'eviction accepted').map(({ time }) => time);
  const last = Math.max(...accepted);
  assert.equal(accepted.length, 2);
  assert.ok(last - readyAt < AT_ONCE_MS, `${last - readyAt} ms after the replacement was ready`);
  assert.ok((await scenario.ready('web', 2)).every(({ spec }) => spec?.nodeName !== scenario.worker));
});

for (const { replicas, maxUnavailable } of [
  { replicas: 10, maxUnavailable: 1 },
  { replicas: 20, maxUnavailable: 5 },
]) {
  // Evictions sent on the strength of an old status are refused by the dozen, and load the API server of a whole scale-in.
  test(`${replicas} pods under maxUnavailable ${maxUnavailable} all leave, and no eviction is refused`, async (t) => {
    const scenario = await Scenario.open(t, lab);
    const pods = await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas }), replicas);
    await scenario.budget('some-at-a-time', 'web', { maxUnavailable }, replicas);
    const drainer = scenario.drain();
    assert.equal((await drainer.ended()).exitCode, 0);
    // One request a pod: a refused one would have been sent again.
    assert.deepEqual(await scenario.evictions(drainer), pods.map(({ metadata }) => metadata?.name).sort());
    assert.ok((await scenario.pods()).every(({ spec }) => spec?.nodeName !== scenario.worker));
  });
}

// The API answers 500, again and again; who gives up strands the pod, who says nothing leaves it unmended.
test('two budgets on one pod are reported, and the pod leaves once that is mended', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('web');
  await scenario.budget('first', 'web', { minAvailable: 0 }, 1);
  await scenario.budget('second', 'web', { minAvailable: 0 }, 1);
  const drainer = scenario.drain();
  const waits = await drainer.says('that it waits', ({ event }) => event === 'pod waiting');
  assert.equal(waits.pod, `${scenario.namespace}/web`);
  assert.match(waits.reason ?? '', /more than one budget/);
  await scenario.dropBudget('second');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
});
