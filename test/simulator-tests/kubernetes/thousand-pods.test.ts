import assert from 'node:assert/strict';
import { test } from 'node:test';
import { each } from '../../support/each.ts';
import { at, type Body, eventually, MERGE, PARTIAL, startLab, types, workload } from './test-cluster.ts';

// Prevents: a simulator that is the bottleneck of the tests of big nodes.
test('a thousand pods of one node are evicted in seconds, and a watch sees each of them go', async (t) => {
  const lab = await startLab(t, { nodes: [{ name: 'big' }] });
  const replicaSet = workload('web', 1000, { 'lab/shutdown-ms': '10' });
  await lab.send('POST', '/apis/apps/v1/namespaces/default/replicasets', replicaSet);
  const query = 'fieldSelector=spec.nodeName=big,status.phase=Running';
  const pods = await eventually(async () => {
    const running = await lab.pods('default', query);
    return running.length === 1000 ? running : undefined;
  }, 'a thousand pods to run');
  await lab.send('PATCH', '/api/v1/nodes/big', { spec: { unschedulable: true } }, MERGE);
  const version = await lab.version('/api/v1/pods?limit=1');
  const gone = (events: Body[]): number => types(events).filter((type) => type === 'DELETED').length;
  const watched = lab.watch(
    `/api/v1/pods?watch=1&timeoutSeconds=10&fieldSelector=spec.nodeName=big&resourceVersion=${version}`,
    (events) => gone(events) === 1000,
    { accept: PARTIAL },
  );
  await each(pods, 50, async (pod) => {
    assert.equal((await lab.evict('default', String(at(pod, 'metadata', 'name')))).status, 201);
  });
  assert.equal(gone(await watched), 1000);
});
