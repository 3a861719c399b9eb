import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, podBody, startTestCluster } from './test-cluster.ts';

describe('evictions of the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });

  // Without the UID precondition, a retry evicts the new pod of the same name.
  test('an eviction with the UID of a replaced pod is a conflict, and the new pod stays', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a'));
    const { status, body } = await cluster.evict(namespace, 'a', { preconditions: { uid: 'the-old-one' } });
    assert.equal(status, 409);
    assert.match(
      String(body['message']),
      /^Operation cannot be fulfilled on Pod "a": the UID in the precondition \(the-old-one\) does not match/,
    );
    assert.equal(at(await cluster.running(namespace, 'a'), 'metadata', 'deletionTimestamp'), undefined);
  });

  // The real server treats this conflict as a race and retries itself, so a client must not consider the eviction hung.
  test('an eviction with a stale UID waits while the new pod is pending, and is a conflict once it runs', async () => {
    const namespace = await cluster.namespace();
    await cluster.send(
      'POST',
      `/api/v1/namespaces/${namespace}/pods`,
      podBody('a', { annotations: { 'lab/ready-ms': '200' } }),
    );
    const { status } = await cluster.evict(namespace, 'a', { preconditions: { uid: 'the-old-one' } });
    const { body } = await cluster.send('GET', `/api/v1/namespaces/${namespace}/pods/a`);
    assert.deepEqual([status, at(body, 'status', 'phase')], [409, 'Running']);
  });

  // A dry run must not evict.
  test('a dry run returns the result of an eviction and changes nothing', async () => {
    const namespace = await cluster.namespace();
    const pod = await cluster.runningPod(namespace, podBody('a'));
    assert.equal((await cluster.evict(namespace, 'a', { dryRun: ['All'] })).status, 201);
    assert.deepEqual(await cluster.running(namespace, 'a'), pod);
    assert.equal((await cluster.evict(namespace, 'a', { dryRun: ['Some'] })).status, 422);
  });

  // A drain must not mistake an unsupported eviction version for a missing pod.
  test('an eviction of an unknown version is a bad request', async () => {
    const namespace = await cluster.namespace();
    const { status, body } = await cluster.evict(namespace, 'a', {}, 'policy/v2');
    assert.equal(status, 400);
    assert.match(
      String(body['message']),
      /^Eviction in version "v2" cannot be handled as a Eviction: no kind "Eviction" is registered/,
    );
  });
});

describe('evictions of the simulated v1.20', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after }, { version: 'v1.20' });

  // A drainer that supports only policy/v1 fails on old clusters.
  test('v1.20 serves only policy/v1beta1, for budgets and evictions', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a'));
    assert.equal((await cluster.send('GET', '/apis/policy/v1')).status, 404);
    assert.equal((await cluster.evict(namespace, 'a', {}, 'policy/v1')).status, 400);
    assert.equal((await cluster.evict(namespace, 'a', {}, 'policy/v1beta1')).status, 201);
  });
});
