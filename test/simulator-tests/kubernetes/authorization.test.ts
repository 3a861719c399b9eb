import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, eventually, namesOf, podBody, startLab } from './test-cluster.ts';

describe('rights of the simulated v1.34', { concurrency: true }, async () => {
  const lab = await startLab({ after });

  // Prevents: missing RBAC rules that are only found in production.
  test('a user has what bindings grant, by verb, resource, subresource and name, and no more', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const [first, second] = namesOf(await lab.send('GET', '/api/v1/nodes'));
    const denied = await lab.drainer('GET', '/api/v1/pods');
    assert.equal(denied.status, 403);
    assert.equal(
      denied.body['message'],
      'pods is forbidden: User "node-drainer" cannot list resource "pods" in API group "" at the cluster scope',
    );
    const rules = [
      { apiGroups: [''], resources: ['nodes'], resourceNames: [first], verbs: ['get'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ];
    await lab.send('POST', `${rbac}/clusterroles`, { metadata: { name: 'drainer' }, rules });
    await lab.send('POST', `${rbac}/clusterrolebindings`, {
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
      ].map(async ([method = '', path = '']) => (await lab.drainer(method, path)).status),
    );
    assert.deepEqual(statuses, [200, 200, 403, 403, 403, 200]);
    const evicted = await lab.drainer('POST', '/api/v1/namespaces/default/pods/x/eviction');
    assert.equal(
      evicted.body['message'],
      'pods "x" is forbidden: User "node-drainer" cannot create resource "pods/eviction" in API group "" in the namespace "default"',
    );
    assert.equal((await lab.send('GET', '/api/v1/pods', undefined, { authorization: 'Bearer wrong' })).status, 401);
  });

  // Prevents: taking the refusals in a namespace that is going for missing rights.
  test('a namespace that is deleted refuses evictions with its own cause, is emptied, and goes', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    await lab.send('DELETE', `/api/v1/namespaces/${namespace}`);
    const { status, body } = await lab.evict(namespace, 'a');
    assert.equal(status, 403);
    assert.equal(at(body, 'details', 'causes', 0, 'reason'), 'NamespaceTerminating');
    await eventually(async () => {
      const answer = await lab.send('GET', `/api/v1/namespaces/${namespace}`);
      return answer.status === 404 ? answer : undefined;
    }, 'the namespace to go');
  });
});

// Prevents: a token check that nobody asks.
test('a token of another kind is known through authenticate, and counted in the record of requests', async (t) => {
  const lab = await startLab(t, {
    authenticate: async (token) =>
      token === 'k8s-aws-v1.x' ? { name: 'role', groups: ['system:masters'] } : undefined,
  });
  const headers = { authorization: 'Bearer k8s-aws-v1.x' };
  assert.equal((await lab.send('GET', '/api/v1/namespaces/default/pods/none', undefined, headers)).status, 404);
  const { at: _when, ...record } = lab.simulator.requests.at(-1) ?? assert.fail('no record');
  const path = '/api/v1/namespaces/default/pods/none';
  assert.deepEqual(record, {
    user: 'role',
    verb: 'get',
    resource: 'pods',
    namespace: 'default',
    name: 'none',
    path,
    status: 404,
  });
});
