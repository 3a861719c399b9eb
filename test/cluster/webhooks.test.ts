import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { evictionsAreDenied, WEBHOOK } from './eviction-webhook.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const MESSAGE = 'the virtual machine is being migrated';

// KubeVirt denies with 429, others with 403 or 500: taken for flow control, a missing permission or an outage, one pod stops all.
for (const code of [403, 429, 500]) {
  test(`a webhook that denies one pod with ${code} does not hold up the others, is named, and is asked again`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const { namespace } = scenario;
    await scenario.pod('machine');
    for (const name of ['a', 'b', 'c']) await scenario.pod(name);
    const allow = await cluster.denyEvictions({ namespace, pod: 'machine', code, message: MESSAGE });
    t.after(allow);
    await evictionsAreDenied(cluster.admin, namespace, 'machine');
    const startedAt = Date.now();
    const drainer = scenario.drain();
    const waiting = await drainer.reports('that it is refused', ({ waitReason }) => waitReason === 'refused');
    assert.equal(waiting.pod, `${namespace}/machine`);
    assert.match(waiting.reason ?? '', new RegExp(`admission webhook "${WEBHOOK}" denied the request: ${MESSAGE}`));
    await eventually('the others are gone', async () => (await scenario.pods()).length === 1 || undefined, 6_000);
    assert.ok(drainer.isRunning);
    const asked = drainer.evictionRequests(namespace).filter((name) => name === 'machine').length;
    assert.ok(asked === 1 || Date.now() - startedAt > 10_000, `asked ${asked} times already`);
    await allow();
    assert.equal((await drainer.ended(30_000)).exitCode, 0);
    assert.ok(drainer.lines.every(({ event }) => event !== 'throttled'));
    assert.deepEqual(await scenario.pods(), []);
    await scenario.noHarm();
  });
}

// A webhook that never allows costs its pod the SIGTERM.
test('a pod that a webhook never lets go is deleted in time to have its whole grace period', async (t) => {
  const scenario = await Scenario.open(t, cluster, { lastResortSeconds: 1 });
  const { namespace } = scenario;
  await scenario.pod('machine', {
    annotations: { 'lab/shutdown-ms': '3600000' },
    spec: { terminationGracePeriodSeconds: 3 },
  });
  const denial = { namespace, pod: 'machine', code: 403, message: MESSAGE };
  t.after(await cluster.denyEvictions(denial));
  await evictionsAreDenied(cluster.admin, namespace, 'machine');
  scenario.witness.endsBy(scenario.worker, Date.now() + 12_000);
  const policies = { DRAIN_DEADLINE_SECONDS: '12', LAST_RESORT_SECONDS: '1' };
  const { exitCode, summary, lines } = await scenario.drain(policies).ended(20_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(lines.findLast(({ event }) => event === 'eviction requested')?.action, 'delete');
  await scenario.noHarm();
});
