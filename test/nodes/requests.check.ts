import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { grantSurge } from '../cluster/rights.ts';
import { Scenario } from '../cluster/scenario.ts';
import { openTestCluster } from '../cluster/test-cluster.ts';
import { failuresOf } from './load.ts';
import { serve, underLoad } from './server.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/** Long enough for a proxy to learn that a pod ends. */
const preStopSeconds = 5;

// All replicas of a service on one node, no budget, eight seconds to readiness: kubectl drain fails two requests of three.
// https://github.com/kubernetes/kubernetes/issues/31487
test('no request is lost when all replicas of a Deployment without a budget are on the node', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const url = await serve(scenario, { replicas: 3, readyMs: 8_000, preStopSeconds });
  const { result, load } = await underLoad(url, () => scenario.drain().ended(120_000));
  assert.equal(result.exitCode, 0);
  t.diagnostic(`${load.sent} requests`);
  assert.deepEqual(load.failed, {}, `of ${load.sent}`);
  assert.ok((await scenario.ready('web', 3)).every(({ spec }) => spec?.nodeName !== scenario.worker));
  await scenario.noHarm();
});

// Without this the test above could never fail: whoever evicts them together loses requests.
test('with UNBUDGETED=all requests are lost', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const url = await serve(scenario, { replicas: 3, readyMs: 8_000, preStopSeconds });
  const { result, load } = await underLoad(url, async () => {
    const ended = await scenario.drain({ UNBUDGETED: 'all' }).ended(120_000);
    await scenario.ready('web', 3);
    return ended;
  });
  assert.equal(result.exitCode, 0);
  t.diagnostic(`${failuresOf(load)} of ${load.sent} requests`);
  assert.ok(failuresOf(load) > 0, `${load.sent} requests, and none failed`);
  await scenario.noHarm();
});

// The promise of every rolling update has to hold for a drain.
test('no request is lost when a budget lets one pod go at a time', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const url = await serve(scenario, { replicas: 6, preStopSeconds });
  await scenario.budget('one-at-a-time', 'web', { maxUnavailable: 1 }, 6);
  const { result, load } = await underLoad(url, () => scenario.drain().ended(120_000));
  assert.equal(result.exitCode, 0);
  t.diagnostic(`${load.sent} requests`);
  assert.deepEqual(load.failed, {}, `of ${load.sent}`);
  await scenario.noHarm();
});

// One replica under minAvailable 1: kubectl drain never ends, and whoever deletes the pod loses every request until another is ready.
test('no request is lost when SURGE=blocked moves the only pod of a service, and the drain ends', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await grantSurge(t, cluster);
  const url = await serve(scenario, { replicas: 1, readyMs: 3_000, preStopSeconds });
  await scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
  const { result, load } = await underLoad(url, () => scenario.drain({ SURGE: 'blocked' }).ended(120_000));
  assert.equal(result.exitCode, 0);
  t.diagnostic(`${load.sent} requests`);
  assert.deepEqual(load.failed, {}, `of ${load.sent}`);
  assert.ok((await scenario.ready('web', 1)).every(({ spec }) => spec?.nodeName !== scenario.worker));
  await scenario.noHarm();
});
