import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { merge } from './admin.ts';
import { POOL } from './manifests.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const ROOM = { WAIT_FOR_CAPACITY: 'pods' };
/** Fake nodes have taints, and the one for nodes that are not ready comes and goes. */
const tolerations = [{ operator: 'Exists' }];

/** A pod on the worker that requests three cores, and may run only on the fake node, which has `cores`. */
async function open(t: TestContext, cores: string) {
  const scenario = await Scenario.open(t, cluster);
  const other = await scenario.fakeNode({ labels: { [POOL]: scenario.namespace } });
  await allocate(other, cores);
  const resources = { requests: { cpu: '3' } };
  const spec = {
    nodeSelector: { [POOL]: scenario.namespace },
    tolerations,
    containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources }],
  };
  await cluster.admin.core.patchNode(
    {
      name: scenario.worker,
      body: { metadata: { labels: { [POOL]: scenario.namespace } } },
    },
    merge,
  );
  await scenario.pod('web', { spec });
  return { scenario, other };
}

async function allocate(name: string, cpu: string): Promise<void> {
  const resources = { cpu, memory: '8Gi', pods: '10' };
  await cluster.admin.core.patchNodeStatus(
    { name, body: { status: { capacity: resources, allocatable: resources } } },
    merge,
  );
}

// The evicted pod is pending, and its service down, until a new node has come.
test('WAIT_FOR_CAPACITY=pods cordons at once, and evicts when the pods would fit on other nodes', async (t) => {
  const { scenario, other } = await open(t, '2');
  const drainer = scenario.drain(ROOM);
  const waiting = await drainer.reports('that it waits', ({ event }) => event === 'waiting for room');
  assert.match(
    waiting.message,
    /1 pod does not fit on other nodes: drain-\w+\/web \(0 of \d+ nodes: .*1 with too little cpu/,
  );
  assert.equal((await cluster.admin.core.readNode({ name: scenario.worker })).spec?.unschedulable, true);
  assert.equal((await scenario.findPod('web'))?.metadata?.deletionTimestamp, undefined);
  await allocate(other, '4');
  const { exitCode } = await drainer.ended(30_000);
  assert.equal(exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});

test('a drain whose pods fit does not wait', async (t) => {
  const { scenario } = await open(t, '3');
  const { exitCode, lines } = await scenario.drain(ROOM).ended(20_000);
  assert.equal(exitCode, 0);
  assert.ok(!lines.some(({ event }) => event === 'waiting for room'));
  await scenario.noHarm();
});

// A pod that fits nowhere must not keep its node for two days.
test('WAIT_FOR_CAPACITY_SECONDS limits that wait, and the drain says which pods do not fit', async (t) => {
  const { scenario, other } = await open(t, '4');
  // A node that another drain has cordoned is no room.
  await cluster.admin.core.patchNode({ name: other, body: { spec: { unschedulable: true } } }, merge);
  const { exitCode, lines } = await scenario.drain({ ...ROOM, WAIT_FOR_CAPACITY_SECONDS: '2' }).ended(20_000);
  assert.equal(exitCode, 0);
  assert.ok(lines.some(({ message }) => /web .*; the drain starts anyway$/.test(message)));
  await scenario.noHarm();
});
