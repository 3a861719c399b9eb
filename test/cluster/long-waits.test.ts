import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { eventsAbout } from './events.ts';
import { replicaSet } from './manifests.ts';
import { setReady } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { providerIdOf, randomInstanceId, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/** Never terminates, with a grace period of one second. */
const NEVER_TERMINATES = { annotations: { 'lab/shutdown-ms': 'never' }, spec: { terminationGracePeriodSeconds: 1 } };

// The tests run concurrently, each with a fake node of its own: they mostly wait.
describe('behaviour after long waits', { concurrency: true }, () => {
  // A dead kubelet never reports that the pod has terminated: the instance waits until its lifecycle action ends.
  test('a pod that never terminates is no longer waited for a minute after its grace period, but only if the kubelet is dead', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const { namespace } = scenario;
    const [dead, alive] = [await scenario.fakeNode(), await scenario.fakeNode()];
    await scenario.pod('lost', { node: dead, ...NEVER_TERMINATES });
    await scenario.pod('slow', { node: alive, ...NEVER_TERMINATES });
    await setReady(cluster.admin, dead, 'Unknown');
    const aliveDrain = scenario.drain({}, { node: alive });
    await aliveDrain.reports('that slow is evicted', ({ event }) => event === 'eviction accepted');
    const { exitCode, summary, lines } = await scenario.drain({}, { node: dead }).ended(90_000);
    assert.equal(exitCode, 0);
    assert.equal(summary.result, 'drained');
    const accepted = lines.find(({ event }) => event === 'eviction accepted');
    const skipped = lines.find(({ event, pod }) => event === 'pod skipped' && pod === `${namespace}/lost`);
    assert.match(
      skipped?.reason ?? '',
      /^the node is not ready, and the pod is past its grace period of 1 s: not waiting for it$/,
    );
    const waited = (skipped?.time ?? 0) - (accepted?.time ?? 0);
    assert.ok(waited >= 60_500 && waited < 66_000, `${waited} ms`);
    assert.notEqual(await scenario.findPod('lost'), undefined);
    assert.ok(aliveDrain.isRunning, 'a live kubelet still terminates its pods');
    await scenario.end('slow');
    assert.equal((await aliveDrain.ended()).exitCode, 0);
  });

  // A pod with a nodeName in its template returns to the cordoned node: evicted at once each time, it only ever starts.
  test('a pod that keeps returning is evicted at growing intervals, and then skipped', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const pod = { nodeName: scenario.worker };
    const set = replicaSet(scenario.namespace, 'returning', {
      replicas: 1,
      annotations: { 'lab/shutdown-ms': '200' },
      pod,
    });
    await scenario.startOnWorker(set, 1);
    const drainer = scenario.drain();
    const { summary, lines } = await drainer.ended(120_000);
    assert.equal(summary.result, 'drained');
    assert.equal(drainer.evictionRequests(scenario.namespace).length, 7);
    const skipped = lines.find(({ event, reason }) => event === 'pod skipped' && /keeps returning/.test(reason ?? ''));
    assert.match(skipped?.pod ?? '', /returning/);
  });

  // The owner of a budget looks at the pod's Events, and does not know the drainer's log.
  test('the Events of a pod that is blocked for half a minute name its budget', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const node = await scenario.fakeNode();
    const { metadata } = await scenario.pod('guarded', { node });
    await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
    const drainer = scenario.drain({}, { node });
    await drainer.reports('the pods that it waits for', ({ event }) => event === 'waiting for pods', {
      withinMs: 45_000,
    });
    const [event, ...others] = await eventsAbout(cluster, metadata?.uid ?? '', 1);
    assert.deepEqual(others, []);
    assert.deepEqual([event?.type, event?.reason], ['Warning', 'DrainBlocked']);
    assert.equal(event?.message, 'budget strict allows no disruption (1 of 1 healthy, 1 needed)');
    await scenario.changeBudget('strict', { minAvailable: 0 });
    await drainer.reports('that it is evicted', ({ event: what }) => what === 'eviction accepted');
    await scenario.end('guarded');
    assert.equal((await drainer.ended()).exitCode, 0);
  });

  // The instance and its pods are about to be gone: this is the last chance to save a pod by hand.
  test('in the last resort a pod is named with the budget that blocks it, and does not count as lost if it is evicted in time', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const { namespace } = scenario;
    const instanceId = randomInstanceId();
    const node = await scenario.fakeNode({ providerID: providerIdOf(instanceId) });
    await scenario.pod('guarded', { node });
    await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
    const termination = await Termination.start(t, { instanceId });
    // The last resort starts ten seconds after the drain: the action ends after 100 heartbeat timeouts, 6,000 s.
    const drainer = termination.drainByKubeconfig(cluster, { LAST_RESORT_SECONDS: '5990' });
    const atRisk = await drainer.reports('the pod at risk', ({ event }) => event === 'pod at risk', {
      withinMs: 25_000,
    });
    assert.equal(atRisk.pod, `${namespace}/guarded`);
    assert.equal(atRisk.reason, 'budget strict allows no disruption (1 of 1 healthy, 1 needed)');
    await scenario.changeBudget('strict', { minAvailable: 0 });
    await drainer.reports('that it is evicted', ({ event }) => event === 'eviction accepted');
    await scenario.end('guarded');
    const { exitCode, summary, lines } = await drainer.ended();
    assert.equal(exitCode, 0);
    assert.deepEqual(summary['lost'], []);
    assert.equal(lines.filter(({ event }) => event === 'pod at risk').length, 1);
  });
});
