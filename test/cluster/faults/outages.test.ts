import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { podOn } from '../manifests.ts';
import { applyRights } from '../rights.ts';
import { Scenario } from '../scenario.ts';
import { simulatedLab } from '../simulated-cluster.ts';
import { fault, isEviction } from './fault.ts';

const lab = await simulatedLab();
await applyRights(lab);
after(() => lab.close());
const { simulator } = lab;

// An upgrade of the control plane takes its API away for a while; a drain that fails then strands the instance.
test('an outage of the API in mid-drain is waited out', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('held', { held: true });
  await scenario.pod('guarded');
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  const drainer = scenario.drain();
  await scenario.terminating('held');
  await drainer.says('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  const outage = simulator.faults.outage();
  t.after(() => outage.end());
  await drainer.says('that it tries again', ({ event }) => event === 'retrying');
  await pause(4_000);
  assert.ok(drainer.isRunning);
  outage.end();
  await scenario.changeBudget('strict', { minAvailable: 0 });
  await scenario.release('held');
  const { exitCode, summary } = await drainer.ended(30_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.deepEqual(await scenario.pods(), []);
});

// The first request after a start often meets a network that is not up yet.
test('an API that does not answer at first is tried again', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { hits } = fault(t, simulator, { when: () => true, times: 4, fault: { kind: 'reset' } });
  const { exitCode } = await scenario.drain().ended();
  assert.equal(exitCode, 0);
  assert.equal(hits(), 4);
});

// Whoever does not wait as asked makes a busy API server busier; whoever takes it for a budget waits for the wrong thing.
test('flow control slows the drain down for as long as it asks', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('web');
  const body = JSON.stringify({
    ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 429 },
    ...{ message: 'too many requests, please try again later', reason: 'TooManyRequests' },
  });
  const headers = { 'content-type': 'application/json', 'retry-after': '2' };
  fault(t, simulator, { when: isEviction, times: 1, fault: { kind: 'status', status: 429, headers, body } });
  const drainer = scenario.drain();
  const throttled = await drainer.says('that it is asked to wait', ({ event }) => event === 'throttled');
  assert.equal(throttled['pauseSeconds'], 2);
  // Not only the pod that met the refusal has to wait.
  await scenario.create(podOn(scenario.worker, 'late'));
  assert.equal((await drainer.ended()).exitCode, 0);
  const [refused, ...later] = simulator.requests.filter(
    ({ namespace, resource }) => namespace === scenario.namespace && resource === 'pods/eviction',
  );
  assert.equal(refused?.status, 429);
  assert.deepEqual(later.map(({ name }) => name).sort(), ['late', 'web']);
  const waited = later.map(({ at }) => at - (refused?.at ?? at));
  assert.ok(Math.min(...waited) >= 2_000, `asked again after ${waited.join(' and ')} ms`);
});

// The answer that got lost was "accepted": the pod is going, and asking for it again must not be mistaken for a failure.
test('an eviction whose answer is lost counts all the same', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('web');
  const { hits } = fault(t, simulator, { when: isEviction, times: 1, fault: { kind: 'after', fault: 'reset' } });
  const { exitCode, summary } = await scenario.drain().ended();
  assert.equal(exitCode, 0);
  assert.equal(hits(), 1);
  assert.equal(summary.pods.evicted, 1);
});
