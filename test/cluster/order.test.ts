import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Scenario } from './scenario.ts';
import { instanceIdOf, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const CRITICAL = { spec: { priorityClassName: 'system-cluster-critical' } };

// Pods that shut down still need DNS and CNI: without them they lose their last requests.
test('critical pods are evicted only after all others are gone', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  await scenario.pod('dns', CRITICAL);
  await scenario.pod('web');
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  const waiting = await drainer.reports(
    'that dns waits',
    ({ pod, waitReason }) => pod === `${namespace}/dns` && waitReason === 'priority',
  );
  assert.match(waiting.reason ?? '', /^waits for \d+ pods? of lower priority$/);
  await drainer.reports('that web is gone', ({ event, pod }) => event === 'pod gone' && pod === `${namespace}/web`);
  await scenario.terminating('held');
  assert.equal((await scenario.findPod('dns'))?.metadata?.deletionTimestamp, undefined);
  await scenario.release('held');
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const indexOf = (name: string, what: string) =>
    lines.findIndex(({ event, pod }) => event === what && pod === `${namespace}/${name}`);
  assert.ok(indexOf('dns', 'eviction requested') > indexOf('held', 'pod gone'));
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});

// The instance terminates when the lifecycle action ends: a pod that still waits for its turn is killed.
test('pods that wait for their turn are evicted LAST_RESORT_SECONDS before their grace period would reach the end of the action', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('held', { held: true });
  await scenario.pod('dns', CRITICAL);
  await scenario.pod('busy', { annotations: { 'node-drainer/wait': 'true' } });
  const { spec } = await cluster.admin.core.readNode({ name: scenario.worker });
  const instance = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: scenario.worker };
  const termination = await Termination.start(t, scenario, instance);
  // With a heartbeat timeout of 60 s, the action ends after 6,000 s: four seconds from now, these pods have 30 s and the margin left.
  const policies = { LAST_RESORT_SECONDS: '5966', DO_NOT_DISRUPT_SECONDS: '600' };
  const drainer = termination.drainByKubeconfig(cluster, policies);
  const lastResort = await drainer.reports('the last resort', ({ event }) => event === 'last resort');
  for (const name of ['dns', 'busy']) {
    const pod = `${scenario.namespace}/${name}`;
    const requested = await drainer.reports(
      `that ${name} is evicted`,
      (line) => line.event === 'eviction requested' && line.pod === pod,
    );
    assert.ok(requested.time >= lastResort.time, 'in order until then');
  }
  assert.ok(drainer.isRunning, 'the drain waits for the evicted pods');
  await scenario.release('held');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});
