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
  startLab,
  types,
  workload,
} from './test-cluster.ts';

describe('pods of the simulated v1.34', { concurrency: true }, async () => {
  const lab = await startLab({ after });

  // Prevents: a drain that keeps the order of pods whose priority nobody has set.
  test('the system classes give a pod its priority, in any namespace, and no other class is known', async () => {
    const namespace = await lab.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const create = (name: string, spec: Body) => lab.send('POST', path, podBody(name, { spec }));
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

  // Prevents: counting a pod as gone when it was only asked to go.
  test('a deleted pod is terminating for its shutdown time, and is then gone', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a', { annotations: { 'lab/shutdown-ms': '100' } }));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const query = `watch=1&timeoutSeconds=5&resourceVersion=${await lab.version(path)}`;
    const watched = lab.watch(`${path}?${query}`, endsWith('DELETED'));
    const { body } = await lab.send('DELETE', `${path}/a`);
    assert.equal(at(body, 'metadata', 'deletionGracePeriodSeconds'), 30);
    assert.deepEqual(types(await watched), ['MODIFIED', 'MODIFIED', 'DELETED']);
  });

  // Prevents: a drain that ends while a finalizer still holds the pod.
  test('a finalizer holds a pod until it is taken off', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('held', { finalizers: ['example.com/hold'] }));
    const path = `/api/v1/namespaces/${namespace}/pods/held`;
    assert.equal((await lab.evict(namespace, 'held')).status, 201);
    await eventually(async () => {
      const { body } = await lab.send('GET', path);
      return at(body, 'metadata', 'deletionGracePeriodSeconds') === 0 ? body : undefined;
    }, 'the containers to end');
    assert.equal((await lab.send('PATCH', path, { metadata: { finalizers: null } }, MERGE)).status, 200);
    assert.equal((await lab.send('GET', path)).status, 404);
  });

  // Prevents: a StatefulSet pod that comes back before the old one is gone, which the real controller never does.
  test('a StatefulSet makes a pod of the same name and another UID after the old one is gone', async () => {
    const namespace = await lab.namespace();
    await lab.send('POST', `/apis/apps/v1/namespaces/${namespace}/statefulsets`, {
      ...workload('db', 1),
      spec: { ...workload('db', 1).spec, serviceName: 'db' },
    });
    const old = await lab.running(namespace, 'db-0');
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const version = at(old, 'metadata', 'resourceVersion');
    const watched = lab.watch(`${path}?watch=1&timeoutSeconds=5&resourceVersion=${version}`, endsWith('ADDED'));
    await lab.evict(namespace, 'db-0');
    const seen = types(await watched);
    assert.ok(seen.indexOf('DELETED') < seen.indexOf('ADDED') && seen.includes('DELETED'), String(seen));
    const fresh = await lab.running(namespace, 'db-0');
    assert.notEqual(at(fresh, 'metadata', 'uid'), at(old, 'metadata', 'uid'));
  });

  // Prevents: a drain loop that fights with a DaemonSet, unnoticed because no DaemonSet fights back.
  test('a DaemonSet keeps its pod on a cordoned node, and a ReplicaSet avoids it', async (t) => {
    const own = await startLab(t, { nodes: 2 });
    const [node] = namesOf(await own.send('GET', '/api/v1/nodes'));
    await own.send('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: true } }, MERGE);
    await own.send('POST', '/apis/apps/v1/namespaces/default/daemonsets', workload('agent', undefined));
    await own.send('POST', '/apis/apps/v1/namespaces/default/replicasets', workload('web', 3));
    const pods = await eventually(async () => {
      const running = await own.pods('default', 'fieldSelector=status.phase=Running');
      return running.length === 5 ? running : undefined;
    }, 'five pods to run');
    const there = pods.filter((pod) => at(pod, 'spec', 'nodeName') === node);
    assert.deepEqual(
      there.map((pod) => at(pod, 'metadata', 'ownerReferences', 0, 'kind')),
      ['DaemonSet'],
    );
    assert.equal(at(there, 0, 'metadata', 'ownerReferences', 0, 'controller'), true);
  });

  // Prevents: pods of a node that is gone, which a drain of that node would wait for.
  test('the pods of a deleted node are removed, and dependents go with their owner', async (t) => {
    const own = await startLab(t, { nodes: [{ name: 'only' }] });
    await own.send('POST', '/apis/apps/v1/namespaces/default/replicasets', workload('web', 2));
    const owned = async () =>
      (await own.pods('default', 'fieldSelector=spec.nodeName=only')).length === 2 ? true : undefined;
    await eventually(owned, 'two pods on the node');
    await own.send('DELETE', '/apis/apps/v1/namespaces/default/replicasets/web');
    await eventually(
      async () => ((await own.pods('default')).length === 0 ? true : undefined),
      'the pods to go with their owner',
    );
    await own.runningPod('default', podBody('stray', { annotations: { 'lab/shutdown-ms': 'never' } }));
    await own.send('DELETE', '/api/v1/nodes/only');
    await eventually(
      async () => ((await own.pods('default')).length === 0 ? true : undefined),
      'the pods to go with their node',
    );
  });
});
