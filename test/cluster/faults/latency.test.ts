import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { FaultRule } from '../../simulator/faults.ts';
import { statefulSet } from '../manifests.ts';
import { assertUntouched } from '../nodes.ts';
import { eventually } from '../poll.ts';
import { applyRights } from '../rights.ts';
import { Scenario } from '../scenario.ts';
import { simulatedLab } from '../simulated-cluster.ts';
import { fault, isEviction } from './fault.ts';

const lab = await simulatedLab();
await applyRights(lab);
after(() => lab.close());
const { simulator } = lab;

const isNodeWatch: FaultRule['when'] = ({ path, query }) => path === '/api/v1/nodes' && query.has('watch');

// Between the look and the cordon the name may change hands; the new node would be cordoned, and nobody would know why.
test('a node that takes over the name just before the cordon is not cordoned', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  const patches = fault(t, simulator, { when: ({ method }) => method === 'PATCH', fault: { kind: 'delay', ms: 500 } });
  // Otherwise the news of the deletion would stop the cordon, at least on this side.
  fault(t, simulator, { when: isNodeWatch, fault: { kind: 'hang' } });
  const drainer = scenario.drain({}, { node });
  await drainer.says('that it found the node', ({ event }) => event === 'node found');
  await lab.admin.core.deleteNode({ name: node });
  await scenario.standIn({ name: node });
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  await assertUntouched(lab.admin, node);
  assert.equal(patches.hits(), 1);
});

// By the time an eviction arrives the name may belong to the next pod of a StatefulSet, which serves on another node.
test('an eviction that arrives late does not hit the pod that took over the name', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.startOnWorker(statefulSet(scenario.namespace, 'db', { replicas: 1 }), 1);
  await scenario.pod('held', { held: true });
  const { hits } = fault(t, simulator, {
    when: (request) => isEviction(request) && request.path.includes('/db-0/'),
    times: 1,
    fault: { kind: 'delay', ms: 1_500 },
  });
  const drainer = scenario.drain();
  await drainer.says(
    'that it asks',
    ({ event, pod }) => event === 'eviction requested' && pod?.endsWith('/db-0') === true,
  );
  await lab.admin.core.deleteNamespacedPod({ name: 'db-0', namespace: scenario.namespace });
  await drainer.says('that it is gone', ({ event, pod }) => event === 'pod gone' && pod?.endsWith('/db-0') === true);
  const [next] = await scenario.ready('db', 1);
  const answered = () =>
    simulator.requests.some(
      (request) => request.name === 'db-0' && request.resource === 'pods/eviction' && request.status > 0,
    );
  await eventually('the eviction has arrived', () => answered() || undefined);
  await scenario.release('held');
  assert.equal((await drainer.ended()).exitCode, 0);
  const now = await scenario.podNow('db-0');
  assert.equal(hits(), 1);
  assert.equal(now?.metadata?.uid, next?.metadata?.uid);
  assert.equal(now?.metadata?.deletionTimestamp, undefined);
});

// The pods of a node and the node itself are watched apart, and nobody promises which news comes first.
test('a pod on a node that took over the name is not evicted, though nobody told that the node is another', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  await scenario.pod('held', { node, held: true });
  const { hits } = fault(t, simulator, { when: isNodeWatch, fault: { kind: 'hang' } });
  const drainer = scenario.drain({}, { node });
  await scenario.terminating('held');
  await lab.admin.core.deleteNode({ name: node });
  await scenario.standIn({ name: node });
  await scenario.pod('newcomer', { node });
  const { exitCode, summary } = await drainer.ended(10_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'no node');
  assert.ok(hits() > 0);
  assert.equal((await scenario.podNow('newcomer'))?.metadata?.deletionTimestamp, undefined);
  assert.deepEqual(await scenario.evictions(), ['held']);
});
