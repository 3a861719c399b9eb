import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { replicaSet } from './manifests.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

/** Well below the ten seconds after which a blocked eviction is retried without a change of the budget. */
const PROMPT_MS = 3_000;

const cluster = await openTestCluster();
after(() => cluster.close());

// One blocked pod keeps all others on an instance that is about to terminate.
test('a blocked pod does not block other pods, and is evicted as soon as its budget allows it', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  await scenario.pod('blocked');
  await scenario.pod('neighbour');
  await scenario.budget('strict', 'blocked', { minAvailable: 1 }, 1);
  const drainer = scenario.drain();
  const waiting = await drainer.reports('the waiting pod', ({ event }) => event === 'pod waiting');
  assert.equal(waiting.pod, `${namespace}/blocked`);
  assert.equal(waiting.reason, 'budget strict allows no disruption (1 of 1 healthy, 1 needed)');
  await drainer.reports(
    'the pod that is gone',
    ({ event, pod }) => event === 'pod gone' && pod === `${namespace}/neighbour`,
  );
  assert.equal((await scenario.findPod('blocked'))?.metadata?.deletionTimestamp, undefined);

  const allowedAt = Date.now();
  await scenario.changeBudget('strict', { minAvailable: 0 });
  const accepted = await drainer.reports(
    'that it is evicted',
    ({ event, pod }) => event === 'eviction accepted' && /blocked$/.test(pod ?? ''),
  );
  assert.ok(accepted.time - allowedAt < PROMPT_MS, `${accepted.time - allowedAt} ms after the budget allowed it`);
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});

// With retries at an interval, each replica of a service waits longer than it needs to.
test('a blocked pod is evicted as soon as the replacement of another pod is ready', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const slow = { replicas: 2, annotations: { 'lab/ready-ms': '1500' } };
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', slow), 2);
  await scenario.budget('one-at-a-time', 'web', { maxUnavailable: 1 }, 2);
  const drainer = scenario.drain();
  await drainer.reports('that a budget blocks', ({ waitReason }) => waitReason === 'budget');
  const readyAt = await eventually('the replacement is ready', async () => {
    const { status } = await scenario.readBudget('one-at-a-time');
    return (status?.disruptionsAllowed ?? 0) > 0 || drainer.evictionRequests(scenario.namespace).length === 2
      ? Date.now()
      : undefined;
  });
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const accepted = lines.filter(({ event }) => event === 'eviction accepted').map(({ time }) => time);
  const last = Math.max(...accepted);
  assert.equal(accepted.length, 2);
  assert.ok(last - readyAt < PROMPT_MS, `${last - readyAt} ms after the replacement was ready`);
  assert.ok((await scenario.ready('web', 2)).every(({ spec }) => spec?.nodeName !== scenario.worker));
  await scenario.noHarm();
});

for (const { replicas, maxUnavailable } of [
  { replicas: 10, maxUnavailable: 1 },
  { replicas: 20, maxUnavailable: 5 },
]) {
  // Evictions that rely on an outdated status are refused by the dozen, and load the API server during a scale-in.
  test(`${replicas} pods under maxUnavailable ${maxUnavailable} are all evicted, and no eviction is refused`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const pods = await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas }), replicas);
    await scenario.budget('some-at-a-time', 'web', { maxUnavailable }, replicas);
    const drainer = scenario.drain();
    assert.equal((await drainer.ended()).exitCode, 0);
    // One request per pod: a refused eviction is sent again.
    assert.deepEqual(await scenario.evictions(drainer), pods.map(({ metadata }) => metadata?.name).sort());
    assert.ok((await scenario.pods()).every(({ spec }) => spec?.nodeName !== scenario.worker));
    await scenario.noHarm();
  });
}

// The API replies 500 to every eviction. A drain that fails strands the pod; without a report, the second budget stays.
test('two budgets on one pod are reported, and the pod is evicted once one budget is deleted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  await scenario.budget('first', 'web', { minAvailable: 0 }, 1);
  await scenario.budget('second', 'web', { minAvailable: 0 }, 1);
  const drainer = scenario.drain();
  const waiting = await drainer.reports('that it waits', ({ event }) => event === 'pod waiting');
  assert.equal(waiting.pod, `${scenario.namespace}/web`);
  assert.match(waiting.reason ?? '', /more than one budget/);
  await scenario.deleteBudget('second');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});
