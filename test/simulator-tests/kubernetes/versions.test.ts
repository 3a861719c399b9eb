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

// A client must not wait forever for a version that only another server has.
test('a future resource version is a 504 with a retry-after', async (t) => {
  const cluster = await startTestCluster(t);
  const { status, body, headers } = await cluster.send('GET', '/api/v1/pods?resourceVersion=99999999');
  assert.equal(status, 504);
  assert.match(String(body['message']), /^Timeout: Too large resource version: 99999999, current: \d+$/);
  assert.equal(headers['retry-after'], '1');
});
