import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, MERGE, namesOf, podBody, startLab, types } from './test-cluster.ts';

describe('versions of the simulated v1.34', { concurrency: true }, async () => {
  const lab = await startLab({ after });

  // Prevents: a paged list that skips or repeats objects when the cluster changes between its pages.
  test('the pages of a list are of one moment, and are empty of nothing', async () => {
    const namespace = await lab.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    for (const name of ['a', 'b', 'c', 'd', 'e']) await lab.runningPod(namespace, podBody(name));
    const first = await lab.send('GET', `${path}?limit=2`);
    assert.equal(at(first.body, 'metadata', 'remainingItemCount'), 3);
    await lab.send('DELETE', `${path}/e`, { gracePeriodSeconds: 0 });
    const token = encodeURIComponent(String(at(first.body, 'metadata', 'continue')));
    const rest = await lab.send('GET', `${path}?limit=9&continue=${token}`);
    assert.deepEqual([...namesOf(first), ...namesOf(rest)], ['a', 'b', 'c', 'd', 'e']);
    assert.equal(at(rest.body, 'metadata', 'continue'), undefined);
  });

  // Prevents: two writers that overwrite one another.
  test('an update from an old version is a conflict, and a patch that changes nothing is no event', async () => {
    const namespace = await lab.namespace();
    const pod = await lab.runningPod(namespace, podBody('a'));
    const path = `/api/v1/namespaces/${namespace}/pods/a`;
    await lab.send('PATCH', path, { metadata: { labels: { x: '1' } } }, MERGE);
    const stale = await lab.send('PUT', path, pod);
    assert.equal(stale.status, 409);
    assert.match(
      String(stale.body['message']),
      /the object has been modified; please apply your changes to the latest version/,
    );
    const version = await lab.version(path);
    await lab.send('PATCH', path, { metadata: { labels: { x: '1' } } }, MERGE);
    assert.equal(await lab.version(path), version);
  });
});

// Prevents: a drainer that goes on from a version that is gone, and hangs.
test('after a compaction, an old watch gets 410 as an event, and an old page as a status', async (t) => {
  const lab = await startLab(t);
  const version = await lab.version('/api/v1/pods');
  const page = await lab.send('GET', '/api/v1/nodes?limit=1');
  await lab.runningPod('default', podBody('a'));
  lab.simulator.compact();
  const events = await lab.watch(`/api/v1/pods?watch=1&resourceVersion=${version}`);
  assert.deepEqual(types(events), ['ERROR']);
  assert.deepEqual([at(events, 0, 'object', 'code'), at(events, 0, 'object', 'reason')], [410, 'Expired']);
  const token = encodeURIComponent(String(at(page.body, 'metadata', 'continue')));
  assert.equal((await lab.send('GET', `/api/v1/nodes?limit=1&continue=${token}`)).status, 410);
});

// Prevents: waiting for ever for a version that another server has and this one has not.
test('a version from the future is a 504 that asks to come back', async (t) => {
  const lab = await startLab(t);
  const { status, body, headers } = await lab.send('GET', '/api/v1/pods?resourceVersion=99999999');
  assert.equal(status, 504);
  assert.match(String(body['message']), /^Timeout: Too large resource version: 99999999, current: \d+$/);
  assert.equal(headers['retry-after'], '1');
});
