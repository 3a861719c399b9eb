import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, eventually, namesOf, podBody, startTestCluster } from './test-cluster.ts';

describe('authorization in the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });

  // Without RBAC, missing rules are found only in production.
  test('a user has exactly the permissions of its bindings, by verb, resource, subresource and name', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const [first, second] = namesOf(await cluster.send('GET', '/api/v1/nodes'));
    const denied = await cluster.drainer('GET', '/api/v1/pods');
    assert.equal(denied.status, 403);
    assert.equal(
      denied.body['message'],
      'pods is forbidden: User "node-drainer" cannot list resource "pods" in API group "" at the cluster scope',
    );
    const rules = [
      { apiGroups: [''], resources: ['nodes'], resourceNames: [first], verbs: ['get'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ];
    await cluster.send('POST', `${rbac}/clusterroles`, { metadata: { name: 'drainer' }, rules });
    await cluster.send('POST', `${rbac}/clusterrolebindings`, {
      metadata: { name: 'drainer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'drainer' },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'node-drainer' }],
    });
    const statuses = await Promise.all(
      [
        ['GET', '/api/v1/pods'],
        ['GET', `/api/v1/nodes/${first}`],
        ['GET', `/api/v1/nodes/${second}`],
        ['GET', '/api/v1/pods?watch=1'],
        ['POST', '/api/v1/namespaces/default/pods/x/eviction'],
        ['GET', '/apis/policy/v1'],
      ].map(async ([method = '', path = '']) => (await cluster.drainer(method, path)).status),
    );
    assert.deepEqual(statuses, [200, 200, 403, 403, 403, 200]);
    const evicted = await cluster.drainer('POST', '/api/v1/namespaces/default/pods/x/eviction');
    assert.equal(
      evicted.body['message'],
      'pods "x" is forbidden: User "node-drainer" cannot create resource "pods/eviction" in API group "" in the namespace "default"',
    );
    assert.equal((await cluster.send('GET', '/api/v1/pods', undefined, { authorization: 'Bearer wrong' })).status, 401);
  });

  // A drain must not mistake the refusals of a terminating namespace for missing permissions.
  test('a terminating namespace refuses evictions with its own cause, is emptied, and is deleted', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a'));
    await cluster.send('DELETE', `/api/v1/namespaces/${namespace}`);
    const { status, body } = await cluster.evict(namespace, 'a');
    assert.equal(status, 403);
    assert.equal(at(body, 'details', 'causes', 0, 'reason'), 'NamespaceTerminating');
    await eventually(async () => {
      const answer = await cluster.send('GET', `/api/v1/namespaces/${namespace}`);
      return answer.status === 404 ? answer : undefined;
    }, 'the deletion of the namespace');
  });
});

// A token check that the server does not call would accept any token.
test('authenticate resolves other tokens, and their requests are recorded', async (t) => {
  const cluster = await startTestCluster(t, {
    authenticate: async (token) =>
      token === 'k8s-aws-v1.x' ? { name: 'role', groups: ['system:masters'] } : undefined,
  });
  const headers = { authorization: 'Bearer k8s-aws-v1.x' };
  assert.equal((await cluster.send('GET', '/api/v1/namespaces/default/pods/none', undefined, headers)).status, 404);
  const { at: _when, ...record } = cluster.simulator.requests.at(-1) ?? assert.fail('no record');
  const path = '/api/v1/namespaces/default/pods/none';
  assert.deepEqual(record, {
    user: 'role',
    verb: 'get',
    resource: 'pods',
    namespace: 'default',
    name: 'none',
    path,
    httpVersion: '2.0',
    status: 404,
  });
});
