import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { KubernetesObject, V1Pod } from '@kubernetes/client-node';
import * as v from 'valibot';
import type { Responder } from '../simulator/kubernetes/controllers/responders.ts';
import { ifFound, isReady } from './admin.ts';
import { podOn } from './manifests.ts';
import { eventually } from './poll.ts';
import { createRaw } from './raw.ts';
import { applyRights } from './rights.ts';
import { Scenario } from './scenario.ts';
import { isSimulated, openTestCluster } from './test-cluster.ts';

/** What each program does is known by its name. */
const responders: readonly Responder[] = [
  { name: 'migrates.example.com/vm', reportsAfterMs: 200, deletesAfterMs: 1_500 },
  { name: 'declines.example.com/vm', completesAfterMs: 500 },
  { name: 'works.example.com/vm', reportsAfterMs: 100 },
];
const IGNORES = 'ignores.example.com/vm';

const cluster = await openTestCluster({ simulator: { version: 'v1.37', responders } });
after(() => cluster.close());

const isServed = await ifFound(
  cluster.admin.objects.list('lifecycle.k8s.io/v1alpha1', 'EvictionRequest', 'default').then(() => true),
).catch(() => false);
/** Responders are programs of others: only the simulated cluster has some. */
const skip = isSimulated && isServed === true ? false : 'no cluster with responders';

const Request = v.looseObject({ spec: v.object({ intent: v.string(), requester: v.string() }) });

async function requestOf(
  scenario: Scenario,
  uid: string | undefined,
): Promise<v.InferOutput<typeof Request> | undefined> {
  const header = {
    apiVersion: 'lifecycle.k8s.io/v1alpha1',
    kind: 'EvictionRequest',
    metadata: { name: `node-drainer-${uid}`, namespace: scenario.namespace },
  };
  const found: KubernetesObject | undefined = await ifFound(cluster.admin.objects.read(header));
  return found && v.parse(Request, found);
}

/** A ready pod that names responders. */
async function podWith(scenario: Scenario, ...names: readonly string[]): Promise<V1Pod> {
  const { namespace, worker } = scenario;
  const pod = podOn(worker, 'vm');
  const evictionResponders = names.map((name, index) => ({ name, priority: 10_000 - index }));
  const body = { ...pod, spec: { ...pod.spec, evictionResponders } };
  await createRaw(cluster.admin.config, `/api/v1/namespaces/${namespace}/pods`, body);
  return eventually('the pod is ready', async () => {
    const found = await scenario.findPod('vm');
    return found !== undefined && isReady(found) ? found : undefined;
  });
}

const open = (t: TestContext) => Scenario.open(t, cluster);

// A virtual machine that its operator could have moved alive would be shut down, or would block the drain by its budget for hours.
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/4563-eviction-request-api
test('a pod is ended by its responder, although its budget allows no eviction', { skip }, async (t) => {
  const scenario = await open(t);
  const { metadata } = await podWith(scenario, 'migrates.example.com/vm');
  await scenario.budget('strict', 'vm', { minAvailable: 1 }, 1);
  const drainer = scenario.drain();
  await drainer.reports('that its responder acts', ({ reason }) => /migrates.* is ending it/.test(reason ?? ''));
  const request = await requestOf(scenario, metadata?.uid);
  assert.deepEqual(request?.spec.intent, 'Eviction');
  const { exitCode, lines, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.pods.evicted, 1);
  assert.deepEqual(await scenario.evictions(drainer), []);
  const [requested, ...more] = lines.filter(({ event }) => event === 'eviction requested');
  assert.deepEqual([requested?.action, more], ['request', []]);
  await eventually(
    'the request is collected',
    async () => (await requestOf(scenario, metadata?.uid)) === undefined || undefined,
  );
  await scenario.noHarm();
});

// Who declines leaves the pod to the drain at once.
test('a pod whose last responder declines is evicted at once', { skip }, async (t) => {
  const scenario = await open(t);
  await podWith(scenario, 'declines.example.com/vm');
  const startedAt = Date.now();
  const drainer = scenario.drain();
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.ok(Date.now() - startedAt < 10_000);
  await scenario.noHarm();
});

// A responder that is down, and that the control plane waits 20 minutes for.
test('a pod whose responder does not act is evicted after 20 seconds', { skip }, async (t) => {
  const scenario = await open(t);
  await podWith(scenario, IGNORES);
  const drainer = scenario.drain();
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const [request, evict] = lines.filter(({ event }) => event === 'eviction requested');
  assert.deepEqual([request?.action, evict?.action], ['request', 'evict']);
  const seconds = ((evict?.time ?? 0) - (request?.time ?? 0)) / 1_000;
  assert.ok(seconds >= 19.5 && seconds < 23, `${seconds} s`);
  await scenario.noHarm();
});

// Its responder would go on to end a pod on a node that is not drained any more.
test('a drain that is stopped withdraws its request, and the next one takes it up again', { skip }, async (t) => {
  const scenario = await open(t);
  const { metadata } = await podWith(scenario, 'works.example.com/vm');
  const first = scenario.drain();
  await first.reports('that its responder acts', ({ reason }) => /works.* is ending it/.test(reason ?? ''));
  first.stop();
  assert.equal((await first.ended()).exitCode, 143);
  assert.equal((await requestOf(scenario, metadata?.uid))?.spec.intent, 'Withdrawn');
  const second = scenario.drain();
  await second.reports('that its responder acts', ({ reason }) => /works.* is ending it/.test(reason ?? ''));
  assert.equal((await requestOf(scenario, metadata?.uid))?.spec.intent, 'Eviction');
  await cluster.admin.core.deleteNamespacedPod({ name: 'vm', namespace: scenario.namespace });
  assert.equal((await second.ended()).exitCode, 0);
  await scenario.noHarm();
});

// The rule for EvictionRequests is optional: without it every drain would fail, or wait.
test('without the rights to request, the pod is evicted at once, with a warning', { skip }, async (t) => {
  for (const right of [
    { group: 'lifecycle.k8s.io', resource: 'evictionrequests', verb: 'create' },
    { group: 'lifecycle.k8s.io', resource: 'evictions', verb: 'list' },
  ]) {
    const scenario = await open(t);
    t.after(() => applyRights(cluster));
    await applyRights(cluster, right);
    await podWith(scenario, 'works.example.com/vm');
    const startedAt = Date.now();
    const { exitCode, lines } = await scenario.drain().ended();
    assert.equal(exitCode, 0);
    assert.ok(Date.now() - startedAt < 10_000);
    assert.equal(lines.filter(({ event }) => event === 'warning').length, 1);
    await scenario.noHarm();
  }
});

// On today's clusters nothing may change: no request more, no second more, no warning.
test('where the API is not served, EVICTION_API=auto costs nothing', {
  skip: !skip && 'the API is served',
}, async (t) => {
  const requests = async (mode: string) => {
    const scenario = await open(t);
    await scenario.pod('web');
    const { exitCode, lines, summary } = await scenario.drain({ EVICTION_API: mode }).ended();
    assert.equal(exitCode, 0);
    assert.ok(!lines.some(({ event }) => event === 'warning'));
    await scenario.noHarm();
    return summary.apiRequests;
  };
  assert.deepEqual(await requests('auto'), await requests('policy'));
});
