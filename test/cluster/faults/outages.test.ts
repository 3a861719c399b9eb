import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { podOn } from '../manifests.ts';
import { applyRights } from '../rights.ts';
import { Scenario } from '../scenario.ts';
import { openSimulatedCluster } from '../simulated-cluster.ts';
import { fault, isEviction } from './fault.ts';

const cluster = await openSimulatedCluster();
await applyRights(cluster);
after(() => cluster.close());
const { simulator } = cluster;

// The API is unreachable during a control plane upgrade: a drain that fails then strands the instance.
test('a drain continues after an outage of the API', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('held', { held: true });
  await scenario.pod('guarded');
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  const drainer = scenario.drain();
  await scenario.terminating('held');
  await drainer.reports('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  const outage = simulator.faults.outage();
  t.after(() => outage.end());
  await drainer.reports('a retry', ({ event }) => event === 'retrying');
  await pause(4_000);
  assert.ok(drainer.isRunning);
  outage.end();
  await scenario.changeBudget('strict', { minAvailable: 0 });
  await scenario.release('held');
  const { exitCode, summary } = await drainer.ended(30_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});

// The first requests of a new task often fail because its network is not ready.
test('failed first requests are retried', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { hits } = fault(t, simulator, { when: () => true, times: 4, fault: { kind: 'reset' } });
  const { exitCode } = await scenario.drain().ended();
  assert.equal(exitCode, 0);
  assert.equal(hits(), 4);
  await scenario.noHarm();
});

// A drain that ignores Retry-After overloads the API server; treated as a budget, the reply makes it wait for the wrong thing.
test('after a 429 of flow control, the drain sends no eviction before Retry-After', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  const body = JSON.stringify({
    ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 429 },
    ...{ message: 'too many requests, please try again later', reason: 'TooManyRequests' },
  });
  const headers = { 'content-type': 'application/json', 'retry-after': '2' };
  fault(t, simulator, { when: isEviction, times: 1, fault: { kind: 'status', status: 429, headers, body } });
  const drainer = scenario.drain();
  const throttled = await drainer.reports('the throttling', ({ event }) => event === 'throttled');
  assert.equal(throttled['pauseSeconds'], 2);
  // The pause applies to every pod, not only to the refused one.
  await scenario.create(podOn(scenario.worker, 'late'));
  assert.equal((await drainer.ended()).exitCode, 0);
  const [refused, ...later] = simulator.requests.filter(
    ({ namespace, resource }) => namespace === scenario.namespace && resource === 'pods/eviction',
  );
  assert.equal(refused?.status, 429);
  assert.deepEqual(later.map(({ name }) => name).sort(), ['late', 'web']);
  const waited = later.map(({ at }) => at - (refused?.at ?? at));
  assert.ok(Math.min(...waited) >= 2_000, `requested again after ${waited.join(' and ')} ms`);
  await scenario.noHarm();
});

// The lost reply was 201: the pod terminates, and the 404 or 409 of a retried eviction counts as a failure.
test('an eviction whose reply is lost counts as an eviction', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  const { hits } = fault(t, simulator, { when: isEviction, times: 1, fault: { kind: 'after', fault: 'reset' } });
  const { exitCode, summary } = await scenario.drain().ended();
  assert.equal(exitCode, 0);
  assert.equal(hits(), 1);
  assert.equal(summary.pods.evicted, 1);
  await scenario.noHarm();
});
