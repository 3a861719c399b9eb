import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
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
      /^the kubelet is dead, and the pod is past its grace period of 1 s: not waiting for it$/,
    );
    const waited = (skipped?.time ?? 0) - (accepted?.time ?? 0);
    assert.ok(waited >= 60_500 && waited < 66_000, `${waited} ms`);
    assert.notEqual(await scenario.findPod('lost'), undefined);
    assert.ok(aliveDrain.isRunning, 'a live kubelet still terminates its pods');
    await scenario.end('slow');
    assert.equal((await aliveDrain.ended()).exitCode, 0);
    await scenario.noHarm();
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
    const why = 'no cordon keeps it away, and whoever owns it is told';
    await scenario.onlyHarm(why, { kind: 'cut off', pod: skipped?.pod ?? '' });
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
    await scenario.noHarm();
  });

  for (const lastResort of ['delete', 'evict'] as const) {
    // A budget that never allows costs its pod the SIGTERM, or a deletion surprises an owner who had ruled it out.
    test(`a pod whose instant has come is named with the budget that blocks it; LAST_RESORT=${lastResort}`, async (t) => {
      const scenario = await Scenario.open(t, cluster, { lastResortSeconds: 5_960 });
      const { namespace } = scenario;
      const instanceId = randomInstanceId();
      const node = await scenario.fakeNode({ providerID: providerIdOf(instanceId) });
      await scenario.pod('guarded', { node, annotations: { 'lab/shutdown-ms': 'never' } });
      await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
      const termination = await Termination.start(t, scenario, { instanceId });
      // Ten seconds from now a pod with a grace period of 30 s has to end: the action ends after 100 heartbeat timeouts, 6,000 s.
      const policies = { LAST_RESORT_SECONDS: '5960', LAST_RESORT: lastResort };
      const drainer = termination.drainByKubeconfig(cluster, policies);
      const atRisk = await drainer.reports('the pod at risk', ({ event }) => event === 'pod at risk', {
        withinMs: 25_000,
      });
      assert.equal(atRisk.pod, `${namespace}/guarded`);
      assert.equal(atRisk.reason, 'budget strict allows no disruption (1 of 1 healthy, 1 needed)');
      if (lastResort === 'evict') {
        await pause(3_000);
        assert.equal((await scenario.findPod('guarded'))?.metadata?.deletionTimestamp, undefined, 'its budget holds');
        await scenario.changeBudget('strict', { minAvailable: 0 });
      }
      const { metadata } = await scenario.terminating('guarded');
      assert.equal(metadata?.deletionGracePeriodSeconds, 30);
      await scenario.end('guarded');
      const { exitCode, summary, lines } = await drainer.ended();
      assert.equal(exitCode, 0);
      assert.deepEqual(summary['lost'], []);
      assert.equal(lines.filter(({ event }) => event === 'pod at risk').length, 1);
      assert.equal(
        lines.some(({ action }) => action === 'delete'),
        lastResort === 'delete',
      );
      await scenario.noHarm();
    });
  }

  // A flap of the network to the control plane is taken for a crash, and the pods lose the rest of their grace period.
  test('a kubelet that falls silent for less than a minute, twice, is waited for; so is one that reports Ready=False', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const node = await scenario.fakeNode();
    const unready = await scenario.fakeNode();
    await scenario.pod('slow', { node, ...NEVER_TERMINATES });
    await scenario.pod('unready', { node: unready, ...NEVER_TERMINATES });
    await setReady(cluster.admin, unready, 'False');
    const drainers = [scenario.drain({}, { node }), scenario.drain({}, { node: unready })];
    for (const drainer of drainers) {
      await drainer.reports('that the pod is evicted', ({ event }) => event === 'eviction accepted');
    }
    for (const silence of [1, 2]) {
      await setReady(cluster.admin, node, 'Unknown');
      await pause(40_000);
      assert.ok(
        drainers.every(({ isRunning }) => isRunning),
        `silence ${silence}`,
      );
      await setReady(cluster.admin, node, 'True');
      await pause(1_000);
    }
    for (const name of ['slow', 'unready']) await scenario.end(name);
    for (const drainer of drainers) {
      const { exitCode, lines } = await drainer.ended();
      assert.equal(exitCode, 0);
      assert.ok(lines.every(({ event }) => event !== 'pod skipped'));
    }
    await scenario.noHarm();
  });
});
