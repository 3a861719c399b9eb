import assert from 'node:assert/strict';
import { test } from 'node:test';
import { each } from '../../support/each.ts';
import { at, type Body, eventually, MERGE, PARTIAL, startTestCluster, types, workload } from './test-cluster.ts';

// A slow simulator would dominate the tests of large nodes.
test('a thousand pods of one node are evicted in seconds, and a watch reports each deletion', async (t) => {
  const cluster = await startTestCluster(t, { nodes: [{ name: 'big' }] });
  const replicaSet = workload('web', 1000, { 'lab/shutdown-ms': '10' });
  await cluster.send('POST', '/apis/apps/v1/namespaces/default/replicasets', replicaSet);
  const query = 'fieldSelector=spec.nodeName=big,status.phase=Running';
  const pods = await eventually(async () => {
    const running = await cluster.pods('default', query);
    return running.length === 1000 ? running : undefined;
  }, 'a thousand pods to run');
  await cluster.send('PATCH', '/api/v1/nodes/big', { spec: { unschedulable: true } }, MERGE);
  const version = await cluster.version('/api/v1/pods?limit=1');
  const gone = (events: Body[]): number => types(events).filter((type) => type === 'DELETED').length;
  const watched = cluster.watch(
    `/api/v1/pods?watch=1&timeoutSeconds=10&fieldSelector=spec.nodeName=big&resourceVersion=${version}`,
    (events) => gone(events) === 1000,
    { accept: PARTIAL },
  );
  await each(pods, 50, async (pod) => {
    assert.equal((await cluster.evict('default', String(at(pod, 'metadata', 'name')))).status, 201);
  });
  assert.equal(gone(await watched), 1000);
});
