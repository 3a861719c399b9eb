import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, MERGE, namesOf, podBody, startTestCluster, types } from './test-cluster.ts';

describe('versions of the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });

  // A paged list must not skip or repeat objects when the cluster changes between pages.
  test('all pages of a list show the same resource version', async () => {
    const namespace = await cluster.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    for (const name of ['a', 'b', 'c', 'd', 'e']) await cluster.runningPod(namespace, podBody(name));
    const first = await cluster.send('GET', `${path}?limit=2`);
    assert.equal(at(first.body, 'metadata', 'remainingItemCount'), 3);
    await cluster.send('DELETE', `${path}/e`, { gracePeriodSeconds: 0 });
    const token = encodeURIComponent(String(at(first.body, 'metadata', 'continue')));
    const rest = await cluster.send('GET', `${path}?limit=9&continue=${token}`);
    assert.deepEqual([...namesOf(first), ...namesOf(rest)], ['a', 'b', 'c', 'd', 'e']);
    assert.equal(at(rest.body, 'metadata', 'continue'), undefined);
  });

  // Concurrent writers must not overwrite each other.
  test('an update of an old version is a conflict, and a patch without changes creates no new version', async () => {
    const namespace = await cluster.namespace();
    const pod = await cluster.runningPod(namespace, podBody('a'));
    const path = `/api/v1/namespaces/${namespace}/pods/a`;
    await cluster.send('PATCH', path, { metadata: { labels: { x: '1' } } }, MERGE);
    const stale = await cluster.send('PUT', path, pod);
    assert.equal(stale.status, 409);
    assert.match(
      String(stale.body['message']),
      /the object has been modified; please apply your changes to the latest version/,
    );
    const version = await cluster.version(path);
    await cluster.send('PATCH', path, { metadata: { labels: { x: '1' } } }, MERGE);
    assert.equal(await cluster.version(path), version);
  });
});

// A drainer that continues from a compacted version hangs.
test('after a compaction, an old watch gets 410 as an event, and an old page gets it as a status', async (t) => {
  const cluster = await startTestCluster(t);
  const version = await cluster.version('/api/v1/pods');
  const page = await cluster.send('GET', '/api/v1/nodes?limit=1');
  await cluster.runningPod('default', podBody('a'));
  cluster.simulator.compact();
  const events = await cluster.watch(`/api/v1/pods?watch=1&resourceVersion=${version}`);
  assert.deepEqual(types(events), ['ERROR']);
  assert.deepEqual([at(events, 0, 'object', 'code'), at(events, 0, 'object', 'reason')], [410, 'Expired']);
  const token = encodeURIComponent(String(at(page.body, 'metadata', 'continue')));
  assert.equal((await cluster.send('GET', `/api/v1/nodes?limit=1&continue=${token}`)).status, 410);
});

// A drainer that waits for the watch cache of a quiet cluster never finds out that its node is empty.
// kubernetes v1.30 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go (waitUntilFreshAndBlock)
test('before v1.31, the watch cache of pods does not reach the version of a change of another kind', async (t) => {
  const cluster = await startTestCluster(t, { version: 'v1.20' });
  await cluster.runningPod('default', podBody('a'));
  await cluster.namespace();
  const version = await cluster.version('/api/v1/pods?limit=1');
  const list = () => cluster.send('GET', `/api/v1/pods?resourceVersion=${version}&resourceVersionMatch=NotOlderThan`);
  assert.equal((await list()).status, 504);
  await cluster.runningPod('default', podBody('b'));
  assert.equal((await list()).status, 200);
});

describe('resource versions of lists of the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });

  // A drain that takes the version of the one pod that it is shown, and not of the collection, misses the pods that came later.
  // https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
  test('a list of one object has the version of the whole collection', async () => {
    const namespace = await cluster.namespace();
    for (const name of ['a', 'b']) await cluster.runningPod(namespace, podBody(name));
    const newest = Number(await cluster.version(`/api/v1/namespaces/${namespace}/pods/b`));
    const { body, status } = await cluster.send('GET', '/api/v1/pods?limit=1');
    assert.equal(status, 200);
    assert.ok(Number(at(body, 'metadata', 'resourceVersion')) >= newest);
    assert.ok(Array.isArray(body['items']) && body['items'].length === 1);
    assert.notEqual(at(body, 'metadata', 'continue'), undefined);
  });

  // A node would seem to be empty although a pod was bound to it a moment ago.
  // https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
  test('NotOlderThan shows what has been written since, and waits for a version that is about to come', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a'));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const version = Number(await cluster.version(path));
    await cluster.runningPod(namespace, podBody('b'));
    const list = (from: number) =>
      cluster.send('GET', `${path}?resourceVersion=${from}&resourceVersionMatch=NotOlderThan`);
    const past = await list(version);
    assert.deepEqual([past.status, namesOf(past)], [200, ['a', 'b']]);
    const current = Number(await cluster.version(path));
    assert.ok(Number(at(past.body, 'metadata', 'resourceVersion')) > version);
    const waiting = list(current + 1);
    await cluster.runningPod(namespace, podBody('c'));
    assert.deepEqual((await waiting).status, 200);
  });

  // A client that is told nothing waits for ever; one that takes the 504 for an empty list completes the hook.
  // kubernetes: staging/src/k8s.io/apiserver/pkg/storage/errors.go (NewTooLargeResourceVersionError)
  test('NotOlderThan with a version that nobody has is a 504 with a cause and a retry-after', async () => {
    const { status, body, headers } = await cluster.send(
      'GET',
      '/api/v1/pods?fieldSelector=spec.nodeName%3Da&resourceVersion=99999999&resourceVersionMatch=NotOlderThan',
    );
    assert.deepEqual([status, body['reason'], headers['retry-after']], [504, 'Timeout', '1']);
    assert.match(String(body['message']), /^Timeout: Too large resource version: 99999999, current: \d+$/);
    assert.equal(at(body, 'details', 'causes', 0, 'reason'), 'ResourceVersionTooLarge');
    assert.equal(body['items'], undefined);
  });

  // A drainer that asks in a way that the real server refuses would only fail in production.
  // kubernetes: staging/src/k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go
  test('a match that the API does not know, or that contradicts the rest of the request, is invalid', async () => {
    for (const query of [
      'resourceVersionMatch=NotOlderThan',
      'resourceVersion=1&resourceVersionMatch=NewerThan',
      'resourceVersion=0&resourceVersionMatch=Exact',
      'resourceVersion=1&resourceVersionMatch=NotOlderThan&continue=x',
    ]) {
      const { status, body } = await cluster.send('GET', `/api/v1/pods?${query}`);
      assert.equal(status, 422, query);
      assert.match(String(body['message']), /resourceVersionMatch/, query);
    }
    assert.equal(
      (await cluster.send('GET', '/api/v1/pods?resourceVersion=0&resourceVersionMatch=NotOlderThan')).status,
      200,
    );
  });

  // With a limit and no match, a version means exactly that version: a second page would otherwise be of another time.
  test('with a limit and without a match, a list shows the collection exactly at the version', async () => {
    const namespace = await cluster.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await cluster.runningPod(namespace, podBody('a'));
    const version = await cluster.version(path);
    await cluster.runningPod(namespace, podBody('b'));
    const names = async (query: string) =>
      namesOf(await cluster.send('GET', `${path}?resourceVersion=${version}${query}`));
    assert.deepEqual(await names('&limit=9'), ['a']);
    assert.deepEqual(await names('&limit=9&resourceVersionMatch=NotOlderThan'), ['a', 'b']);
    assert.deepEqual(await names('&resourceVersionMatch=Exact'), ['a']);
    assert.deepEqual(await names(''), ['a', 'b']);
  });
});

// A client must not wait forever for a version that only another server has.
test('a future resource version is a 504 with a retry-after', async (t) => {
  const cluster = await startTestCluster(t);
  const { status, body, headers } = await cluster.send('GET', '/api/v1/pods?resourceVersion=99999999');
  assert.equal(status, 504);
  assert.match(String(body['message']), /^Timeout: Too large resource version: 99999999, current: \d+$/);
  assert.equal(headers['retry-after'], '1');
});
