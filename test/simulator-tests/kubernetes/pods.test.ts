import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import {
  at,
  type Body,
  endsWith,
  eventually,
  MERGE,
  namesOf,
  podBody,
  startTestCluster,
  types,
  workload,
} from './test-cluster.ts';

describe('pods of the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });

  // The order of a drain depends on pod priorities, which admission sets.
  test('the system priority classes set the priority of a pod in any namespace, and other classes are unknown', async () => {
    const namespace = await cluster.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const create = (name: string, spec: Body) => cluster.send('POST', path, podBody(name, { spec }));
    for (const [priorityClassName, priority] of [
      ['system-cluster-critical', 2_000_000_000],
      ['system-node-critical', 2_000_001_000],
      [undefined, 0],
    ] as const) {
      const { body } = await create(priorityClassName ?? 'plain', { priorityClassName });
      assert.equal(at(body, 'spec', 'priority'), priority, priorityClassName);
    }
    const unknown = await create('unknown', { priorityClassName: 'gold' });
    assert.equal(unknown.status, 403);
    assert.equal(unknown.body['message'], 'pods "unknown" is forbidden: no PriorityClass with name gold was found');
    assert.equal((await create('number', { priority: 7 })).status, 403);
  });

  // A drain must not treat a terminating pod as gone.
  test('a deleted pod is terminating for its shutdown time, then it is gone', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a', { annotations: { 'lab/shutdown-ms': '100' } }));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const query = `watch=1&timeoutSeconds=5&resourceVersion=${await cluster.version(path)}`;
    const watched = cluster.watch(`${path}?${query}`, endsWith('DELETED'));
    const { body } = await cluster.send('DELETE', `${path}/a`);
    assert.equal(at(body, 'metadata', 'deletionGracePeriodSeconds'), 30);
    assert.deepEqual(types(await watched), ['MODIFIED', 'MODIFIED', 'DELETED']);
  });

  // A drain must not end while a finalizer still holds the pod.
  test('a finalizer holds a pod until it is removed', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('held', { finalizers: ['example.com/hold'] }));
    const path = `/api/v1/namespaces/${namespace}/pods/held`;
    assert.equal((await cluster.evict(namespace, 'held')).status, 201);
    await eventually(async () => {
      const { body } = await cluster.send('GET', path);
      return at(body, 'metadata', 'deletionGracePeriodSeconds') === 0 ? body : undefined;
    }, 'the containers to end');
    assert.equal((await cluster.send('PATCH', path, { metadata: { finalizers: null } }, MERGE)).status, 200);
    assert.equal((await cluster.send('GET', path)).status, 404);
  });

  // The real controller never replaces a StatefulSet pod before the old one is gone.
  test('a StatefulSet creates a pod of the same name and another UID after the old one is gone', async () => {
    const namespace = await cluster.namespace();
    await cluster.send('POST', `/apis/apps/v1/namespaces/${namespace}/statefulsets`, {
      ...workload('db', 1),
      spec: { ...workload('db', 1).spec, serviceName: 'db' },
    });
    const old = await cluster.running(namespace, 'db-0');
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const version = at(old, 'metadata', 'resourceVersion');
    const watched = cluster.watch(`${path}?watch=1&timeoutSeconds=5&resourceVersion=${version}`, endsWith('ADDED'));
    await cluster.evict(namespace, 'db-0');
    const seen = types(await watched);
    assert.ok(seen.indexOf('DELETED') < seen.indexOf('ADDED') && seen.includes('DELETED'), String(seen));
    const fresh = await cluster.running(namespace, 'db-0');
    assert.notEqual(at(fresh, 'metadata', 'uid'), at(old, 'metadata', 'uid'));
  });

  // If DaemonSet pods did not return, no test could detect a drain that evicts them in a loop.
  test('a DaemonSet keeps its pod on a cordoned node, and a ReplicaSet avoids it', async (t) => {
    const small = await startTestCluster(t, { nodes: 2 });
    const [node] = namesOf(await small.send('GET', '/api/v1/nodes'));
    await small.send('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: true } }, MERGE);
    await small.send('POST', '/apis/apps/v1/namespaces/default/daemonsets', workload('agent', undefined));
    await small.send('POST', '/apis/apps/v1/namespaces/default/replicasets', workload('web', 3));
    const pods = await eventually(async () => {
      const running = await small.pods('default', 'fieldSelector=status.phase=Running');
      return running.length === 5 ? running : undefined;
    }, 'five pods to run');
    const there = pods.filter((pod) => at(pod, 'spec', 'nodeName') === node);
    assert.deepEqual(
      there.map((pod) => at(pod, 'metadata', 'ownerReferences', 0, 'kind')),
      ['DaemonSet'],
    );
    assert.equal(at(there, 0, 'metadata', 'ownerReferences', 0, 'controller'), true);
  });

  // A drain would wait forever for the pods of a deleted node.
  test('the pods of a deleted node are deleted, and dependents are deleted with their owner', async (t) => {
    const small = await startTestCluster(t, { nodes: [{ name: 'only' }] });
    await small.send('POST', '/apis/apps/v1/namespaces/default/replicasets', workload('web', 2));
    const owned = async () =>
      (await small.pods('default', 'fieldSelector=spec.nodeName=only')).length === 2 ? true : undefined;
    await eventually(owned, 'two pods on the node');
    await small.send('DELETE', '/apis/apps/v1/namespaces/default/replicasets/web');
    await eventually(
      async () => ((await small.pods('default')).length === 0 ? true : undefined),
      'the deletion of the pods with their owner',
    );
    await small.runningPod('default', podBody('stray', { annotations: { 'lab/shutdown-ms': 'never' } }));
    await small.send('DELETE', '/api/v1/nodes/only');
    await eventually(
      async () => ((await small.pods('default')).length === 0 ? true : undefined),
      'the deletion of the pods with their node',
    );
  });
});
