import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { FaultRule } from '../../simulator/faults.ts';
import { noHarm } from '../../witness/harm.ts';
import { statefulSet } from '../manifests.ts';
import { assertUntouched } from '../nodes.ts';
import { eventually } from '../poll.ts';
import { applyRights } from '../rights.ts';
import { Scenario } from '../scenario.ts';
import { openSimulatedCluster } from '../simulated-cluster.ts';
import { fault, isEviction } from './fault.ts';

const cluster = await openSimulatedCluster();
await applyRights(cluster);
after(() => cluster.close());
const { simulator } = cluster;

const isNodeWatch: FaultRule['when'] = ({ path, query }) => path === '/api/v1/nodes' && query.has('watch');

// A node can be replaced between the read and the cordon: the drain cordons the new node.
test('a new node that gets the name just before the cordon is not cordoned', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  const patches = fault(t, simulator, { when: ({ method }) => method === 'PATCH', fault: { kind: 'delay', ms: 500 } });
  // Without this, the watch reports the deletion and the drainer does not send the patch.
  fault(t, simulator, { when: isNodeWatch, fault: { kind: 'hang' } });
  const drainer = scenario.drain({}, { node });
  await drainer.reports('that it found the node', ({ event }) => event === 'node found');
  await cluster.admin.core.deleteNode({ name: node });
  await scenario.fakeNode({ name: node });
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  await assertUntouched(cluster.admin, node);
  assert.equal(patches.hits(), 1);
  await noHarm(scenario.witness);
});

// When an eviction arrives late, the next pod of the StatefulSet may have the name, and serve on another node.
test('an eviction that arrives late does not evict a new pod with the same name', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.startOnWorker(statefulSet(scenario.namespace, 'db', { replicas: 1 }), 1);
  await scenario.pod('held', { held: true });
  const { hits } = fault(t, simulator, {
    when: (request) => isEviction(request) && request.path.includes('/db-0/'),
    times: 1,
    fault: { kind: 'delay', ms: 1_500 },
  });
  const drainer = scenario.drain();
  await drainer.reports(
    'the eviction request',
    ({ event, pod }) => event === 'eviction requested' && pod?.endsWith('/db-0') === true,
  );
  await cluster.admin.core.deleteNamespacedPod({ name: 'db-0', namespace: scenario.namespace });
  await drainer.reports('that it is gone', ({ event, pod }) => event === 'pod gone' && pod?.endsWith('/db-0') === true);
  const [next] = await scenario.ready('db', 1);
  const answered = () =>
    simulator.requests.some(
      (request) => request.name === 'db-0' && request.resource === 'pods/eviction' && request.status > 0,
    );
  await eventually('the eviction has arrived', () => answered() || undefined);
  await scenario.release('held');
  assert.equal((await drainer.ended()).exitCode, 0);
  const now = await scenario.findPod('db-0');
  assert.equal(hits(), 1);
  assert.equal(now?.metadata?.uid, next?.metadata?.uid);
  assert.equal(now?.metadata?.deletionTimestamp, undefined);
  await scenario.noHarm();
});

// Pods and nodes have separate watches without a common order: the drain sees pods of the new node before the new node.
test('a pod on a new node with the same name is not evicted, even if the node watch has not reported the new node', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  await scenario.pod('held', { node, held: true });
  const { hits } = fault(t, simulator, { when: isNodeWatch, fault: { kind: 'hang' } });
  const drainer = scenario.drain({}, { node });
  await scenario.terminating('held');
  await cluster.admin.core.deleteNode({ name: node });
  await scenario.fakeNode({ name: node });
  await scenario.pod('new-pod', { node });
  const { exitCode, summary } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  assert.ok(hits() > 0);
  assert.equal((await scenario.findPod('new-pod'))?.metadata?.deletionTimestamp, undefined);
  assert.deepEqual(await scenario.evictions(), ['held']);
  await noHarm(scenario.witness);
});
