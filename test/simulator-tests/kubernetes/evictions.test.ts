import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, podBody, startLab } from './test-cluster.ts';

describe('evictions of the simulated v1.34', { concurrency: true }, async () => {
  const lab = await startLab({ after });

  // Prevents: a retry that evicts the new pod of the same name.
  test('an eviction with the UID of a pod that was replaced is a conflict, and the new pod stays', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    const { status, body } = await lab.evict(namespace, 'a', { preconditions: { uid: 'the-old-one' } });
    assert.equal(status, 409);
    assert.match(
      String(body['message']),
      /^Operation cannot be fulfilled on Pod "a": the UID in the precondition \(the-old-one\) does not match/,
    );
    assert.equal(at(await lab.running(namespace, 'a'), 'metadata', 'deletionTimestamp'), undefined);
  });

  // Prevents: an eviction in flight that is given up as hung: the real server takes such a conflict for a race, and tries again itself.
  test('an eviction with a stale UID waits while the new pod is pending, and is a conflict once it runs', async () => {
    const namespace = await lab.namespace();
    await lab.send(
      'POST',
      `/api/v1/namespaces/${namespace}/pods`,
      podBody('a', { annotations: { 'lab/ready-ms': '200' } }),
    );
    const { status } = await lab.evict(namespace, 'a', { preconditions: { uid: 'the-old-one' } });
    const { body } = await lab.send('GET', `/api/v1/namespaces/${namespace}/pods/a`);
    assert.deepEqual([status, at(body, 'status', 'phase')], [409, 'Running']);
  });

  // Prevents: a dry run that evicts.
  test('a dry run says what an eviction would answer and changes nothing', async () => {
    const namespace = await lab.namespace();
    const pod = await lab.runningPod(namespace, podBody('a'));
    assert.equal((await lab.evict(namespace, 'a', { dryRun: ['All'] })).status, 201);
    assert.deepEqual(await lab.running(namespace, 'a'), pod);
    assert.equal((await lab.evict(namespace, 'a', { dryRun: ['Some'] })).status, 422);
  });

  // Prevents: an eviction in a version that the server does not speak, taken for a missing pod.
  test('an eviction of an unknown version is a bad request', async () => {
    const namespace = await lab.namespace();
    const { status, body } = await lab.evict(namespace, 'a', {}, 'policy/v2');
    assert.equal(status, 400);
    assert.match(
      String(body['message']),
      /^Eviction in version "v2" cannot be handled as a Eviction: no kind "Eviction" is registered/,
    );
  });
});

describe('evictions of the simulated v1.20', { concurrency: true }, async () => {
  const lab = await startLab({ after }, { version: 'v1.20' });

  // Prevents: a drainer that only works with policy/v1.
  test('only policy/v1beta1 is served, for budgets and evictions', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    assert.equal((await lab.send('GET', '/apis/policy/v1')).status, 404);
    assert.equal((await lab.evict(namespace, 'a', {}, 'policy/v1')).status, 400);
    assert.equal((await lab.evict(namespace, 'a', {}, 'policy/v1beta1')).status, 201);
  });
});
