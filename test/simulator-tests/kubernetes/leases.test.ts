import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startKubernetes } from '../../simulator/kubernetes/simulator.ts';
import { at, MERGE, TestCluster } from './test-cluster.ts';

const leasesIn = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const TIME = '2026-01-02T03:04:05.000000Z';

/** A simulated cluster, stopped after the test. */
async function open(t: { after(then: () => Promise<void>): void }) {
  const cluster = new TestCluster(await startKubernetes());
  t.after(() => cluster.stop());
  return { cluster, path: leasesIn(await cluster.namespace()) };
}

// client-go's leader election rests on this: of two writers of one version, one gets a conflict.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
test('of two writes over the same version of a lease the second is a conflict', async (t) => {
  const { cluster, path } = await open(t);
  const body = { metadata: { name: 'slot' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 40, renewTime: TIME } };
  const created = await cluster.send('POST', path, body);
  assert.equal(created.status, 201);
  assert.equal((await cluster.send('POST', path, body)).status, 409, 'there is one');
  const resourceVersion = at(created.body, 'metadata', 'resourceVersion');
  const take = (holderIdentity: string) =>
    cluster.send('PATCH', `${path}/slot`, { metadata: { resourceVersion }, spec: { holderIdentity } }, MERGE);
  assert.equal((await take('b')).status, 200);
  const second = await take('c');
  assert.deepEqual([second.status, at(second.body, 'reason')], [409, 'Conflict']);
  const deletion = { preconditions: { resourceVersion } };
  assert.equal((await cluster.send('DELETE', `${path}/slot`, deletion)).status, 409);
  const current = await cluster.send('GET', `${path}/slot`);
  assert.equal(at(current.body, 'spec', 'holderIdentity'), 'b');
  const preconditions = { resourceVersion: at(current.body, 'metadata', 'resourceVersion') };
  assert.equal((await cluster.send('DELETE', `${path}/slot`, { preconditions })).status, 200);
});

// ValidateLeaseSpec in pkg/apis/coordination/validation; metav1.MicroTime.UnmarshalJSON.
test('a lease with a duration of 0, or with a time of another precision, is refused', async (t) => {
  const { cluster, path } = await open(t);
  const create = (spec: object) => cluster.send('POST', path, { metadata: { name: 'slot' }, spec });
  assert.equal((await create({ leaseDurationSeconds: 0 })).status, 422);
  assert.equal((await create({ renewTime: '2026-01-02T03:04:05.000Z' })).status, 400);
});

// NamespaceLifecycle admission: the answer names the namespace, not the lease. A list of no namespace is empty.
test('in a namespace that does not exist nothing is created, and nothing is listed', async (t) => {
  const { cluster } = await open(t);
  const created = await cluster.send('POST', leasesIn('nowhere'), { metadata: { name: 'slot' }, spec: {} });
  assert.deepEqual([created.status, at(created.body, 'details', 'name')], [404, 'nowhere']);
  assert.deepEqual((await cluster.send('GET', leasesIn('nowhere'))).status, 200);
});
