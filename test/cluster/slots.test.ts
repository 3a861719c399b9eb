import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { CoordinationV1Api, type V1Lease } from '@kubernetes/client-node';
import { merge } from './admin.ts';
import { eventually } from './poll.ts';
import { applySlots, removeSlots } from './rights.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());
const leases = cluster.admin.config.makeApiClient(CoordinationV1Api);

const NAMESPACE = 'node-drainer';
const ONE = { MAX_CONCURRENT_DRAINS: '1' };

/** A node with a pod, in a cluster with the namespace of the slots, both removed after the test. */
async function open(t: TestContext) {
  const scenario = await Scenario.open(t, cluster);
  await applySlots(cluster);
  t.after(() => removeSlots(cluster));
  await scenario.pod('web');
  return scenario;
}

/** A slot that a drain of another node has just taken. */
async function occupy(durationSeconds: number): Promise<void> {
  const body: V1Lease = {
    metadata: { name: 'slot-cluster-0', labels: { 'node-drainer/queue': 'cluster', 'node-drainer/lease': 'slot' } },
    spec: { holderIdentity: 'other-node', leaseDurationSeconds: durationSeconds },
  };
  await leases.createNamespacedLease({ namespace: NAMESPACE, body });
}

const all = async () => (await leases.listNamespacedLease({ namespace: NAMESPACE })).items;

// Thirty nodes at once: the limit that nobody enforces is found out in the night of the outage.
test('MAX_CONCURRENT_DRAINS: the node is cordoned at once, and its pods leave when a slot is free', async (t) => {
  const scenario = await open(t);
  await occupy(600);
  const drainer = scenario.drain(ONE);
  const waiting = await drainer.reports('that it waits', ({ event }) => event === 'waiting for slot');
  assert.match(waiting.message, /^waits for a slot: 1 of 1 drains of the cluster are running \(node other-node since /);
  assert.equal((await cluster.admin.core.readNode({ name: scenario.worker })).spec?.unschedulable, true);
  const place = await eventually('its place in the queue', async () =>
    (await all()).find(({ spec }) => spec?.holderIdentity === scenario.worker),
  );
  assert.match(place.metadata?.name ?? '', /^wait-cluster-/);
  assert.equal((await scenario.findPod('web'))?.metadata?.deletionTimestamp, undefined);
  await leases.deleteNamespacedLease({ namespace: NAMESPACE, name: 'slot-cluster-0' });
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.ok(lines.some(({ event }) => event === 'slot taken'));
  assert.deepEqual([await scenario.pods(), await all()], [[], []], 'slot and place are given back');
  await scenario.noHarm();
});

// A worker that was killed would keep its slot for ever.
test('the slot of a drain that died is taken over when it has not been renewed for its duration', async (t) => {
  const scenario = await open(t);
  await occupy(3);
  const { exitCode, lines } = await scenario.drain(ONE).ended();
  assert.equal(exitCode, 0);
  const timeOf = (name: string) => lines.find(({ event }) => event === name)?.time ?? 0;
  const waited = timeOf('slot taken') - timeOf('waiting for slot');
  assert.ok(waited >= 2_900 && waited < 10_000, `${waited} ms`);
  await scenario.noHarm();
});

// Every task of a drain is killed after some time: a successor in the queue would leave its node half drained.
test('a second task of the same node goes on with the slot that the first one had when it was killed', async (t) => {
  const scenario = await open(t);
  await scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
  const first = scenario.drain(ONE);
  await first.reports('that a budget blocks', ({ waitReason }) => waitReason === 'budget');
  await first.kill();
  const second = scenario.drain(ONE);
  const taken = await second.reports('its slot', ({ event }) => event === 'slot taken', { withinMs: 10_000 });
  assert.match(taken.message, /slot-cluster-0/);
  await scenario.deleteBudget('strict');
  assert.equal((await second.ended()).exitCode, 0);
  await scenario.noHarm();
});

// The order of the tasks is that of Fargate; the order of the actions is that of the group.
test('of two drains that wait, the one whose lifecycle action started earlier goes first', async (t) => {
  const scenario = await open(t);
  await occupy(600);
  const { spec } = await cluster.admin.core.readNode({ name: scenario.worker });
  const termination = await Termination.start(t, scenario, {
    instanceId: instanceIdOf(spec?.providerID),
    privateDnsName: scenario.worker,
  });
  const late = await scenario.fakeNode();
  await scenario.pod('other', { node: late });
  const started = { LIFECYCLE_ACTION_TIME: '2026-01-02T03:04:05Z' };
  const second = scenario.drain(ONE, { node: late });
  await second.reports('that it waits', ({ event }) => event === 'waiting for slot');
  const first = termination.drainByKubeconfig(cluster, { ...ONE, ...started });
  await eventually('both wait', async () => (await all()).length === 3 || undefined);
  await leases.deleteNamespacedLease({ namespace: NAMESPACE, name: 'slot-cluster-0' });
  await first.reports('its slot', ({ event }) => event === 'slot taken');
  assert.equal((await first.ended()).exitCode, 0);
  await second.reports('its slot', ({ event }) => event === 'slot taken');
  // The kubelets of a real cluster end no pod of a node without a machine.
  await eventually('the pod of the second node is asked to end', async () => {
    const other = await scenario.findPod('other');
    return other === undefined || other.metadata?.deletionTimestamp !== undefined || undefined;
  });
  await scenario.end('other');
  assert.equal((await second.ended()).exitCode, 0);
  assert.ok(!first.lines.some(({ message }) => /started earlier/.test(message)));
  await scenario.noHarm();
});

// An optional feature that is not set up must not leave a node undrained.
test('without the namespace, and without the rights, the drain goes on without a slot, and warns once', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  for (const setup of ['nothing', 'namespace'] as const) {
    await scenario.pod('web');
    if (setup === 'namespace') await cluster.admin.core.createNamespace({ body: { metadata: { name: NAMESPACE } } });
    t.after(() => removeSlots(cluster));
    const { exitCode, lines } = await scenario.drain(ONE).ended();
    assert.equal(exitCode, 0);
    const warnings = lines.filter(({ level, event }) => level === 'warn' && event === 'warning');
    assert.equal(warnings.length, 1, JSON.stringify(warnings));
    assert.match(warnings[0]?.message ?? '', /goes on without a slot: .*apply infra\/kubernetes\/slots\.yaml.*cannot/s);
    await cluster.admin.core.patchNode({ name: scenario.worker, body: { spec: { unschedulable: null } } }, merge);
  }
  await scenario.noHarm();
});
