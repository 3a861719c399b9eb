import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { CoreV1Api, makeInformer } from '@kubernetes/client-node';
import { administrator } from '../../support/administrator.ts';
import { at, endsWith, eventually, items, MERGE, PARTIAL, podBody, startTestCluster, types } from './test-cluster.ts';

describe('watches of the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });

  // A watch must not miss changes between the list and the watch.
  test('a watch from the version of a list reports every later change once', async () => {
    const namespace = await cluster.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await cluster.runningPod(namespace, podBody('old'));
    const version = await cluster.version(path);
    await cluster.runningPod(namespace, podBody('new'));
    // Reads until the server closes the watch, to detect additional events.
    const events = await cluster.watch(`${path}?watch=1&timeoutSeconds=1&resourceVersion=${version}`);
    assert.deepEqual(types(events), ['ADDED', 'MODIFIED', 'MODIFIED']);
    const versions = events.map((event) => Number(at(event, 'object', 'metadata', 'resourceVersion')));
    assert.deepEqual(
      versions,
      [...new Set(versions)].sort((a, b) => a - b),
    );
    assert.ok(versions.every((each) => each > Number(version)));
  });

  // A drain would wait forever for a pod that left the selector.
  test('an object that stops matching the selector of a watch is DELETED for that watch', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a', { labels: { tier: 'x' } }));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const query = `watch=1&timeoutSeconds=5&labelSelector=tier+in+(x,y)&resourceVersion=${await cluster.version(path)}`;
    const watched = cluster.watch(`${path}?${query}`, endsWith('ADDED'));
    await cluster.send('PATCH', `${path}/a`, { metadata: { labels: { tier: 'z' } } }, MERGE);
    await cluster.send('PATCH', `${path}/a`, { metadata: { labels: { tier: 'y' } } }, MERGE);
    assert.deepEqual(types(await watched), ['DELETED', 'ADDED']);
  });

  // Metadata-only watches carry no spec or status, so a client must not wait for them.
  test('PartialObjectMetadata carries the metadata only, in get, list and watch', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a'));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const one = await cluster.send('GET', `${path}/a`, undefined, { accept: PARTIAL });
    assert.deepEqual(Object.keys(one.body), ['kind', 'apiVersion', 'metadata']);
    const list = await cluster.send('GET', path, undefined, { accept: PARTIAL.replace('Metadata;', 'MetadataList;') });
    assert.equal(list.body['kind'], 'PartialObjectMetadataList');
    assert.deepEqual(items(list), [one.body]);
    const [event] = await cluster.watch(`${path}?watch=1`, endsWith('ADDED'), { accept: PARTIAL });
    assert.deepEqual(event, { type: 'ADDED', object: one.body });
    assert.equal((await cluster.send('GET', path, undefined, { accept: PARTIAL })).status, 406);
  });

  // Other clients must understand the simulator, too.
  test('the informer of the generated client reports added and deleted pods', async () => {
    const namespace = await cluster.namespace();
    const config = administrator(cluster.simulator);
    const api = config.makeApiClient(CoreV1Api);
    const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/pods`, () =>
      api.listNamespacedPod({ namespace }),
    );
    const seen: string[] = [];
    informer.on('add', (pod) => void seen.push(`add ${pod.metadata?.name}`));
    informer.on('delete', (pod) => void seen.push(`delete ${pod.metadata?.name}`));
    await informer.start();
    try {
      const spec = { containers: [{ name: 'c', image: 'i' }] };
      await api.createNamespacedPod({ namespace, body: { metadata: { name: 'a' }, spec } });
      await cluster.running(namespace, 'a');
      await api.createNamespacedPodEviction({
        name: 'a',
        namespace,
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'a' } },
      });
      await eventually(
        async () => (seen.includes('delete a') ? true : undefined),
        'the informer to report the deletion',
      );
      assert.deepEqual(seen, ['add a', 'delete a']);
    } finally {
      await informer.stop();
    }
  });
});

// Without bookmarks, a client cannot distinguish a quiet watch from a lost connection.
test('the server sends bookmarks without changes, and before it closes a watch', async (t) => {
  const cluster = await startTestCluster(t, { bookmarkIntervalMs: 200 });
  const query = 'watch=1&allowWatchBookmarks=true&timeoutSeconds=2';
  const events = await cluster.watch(`/api/v1/pods?${query}&resourceVersion=${await cluster.version('/api/v1/pods')}`);
  assert.ok(events.length >= 2, `${events.length} bookmarks`);
  assert.deepEqual([...new Set(types(events))], ['BOOKMARK']);
});

// A drain must not rely on one watch.
test('open watches can be closed or reset', async (t) => {
  const cluster = await startTestCluster(t);
  const version = await cluster.version('/api/v1/nodes');
  const opened = () =>
    cluster.simulator.requests.filter(({ verb, status }) => verb === 'watch' && status === 200).length;
  const query = `watch=1&timeoutSeconds=5&resourceVersion=${version}`;
  const ended = cluster.watch(`/api/v1/nodes?${query}`);
  await eventually(async () => (opened() === 1 ? true : undefined), 'the first watch to open');
  cluster.simulator.dropWatches();
  assert.deepEqual(await ended, []);
  const reset = assert.rejects(cluster.watch(`/api/v1/nodes?${query}`));
  await eventually(async () => (opened() === 2 ? true : undefined), 'the second watch to open');
  cluster.simulator.dropWatches('reset');
  await reset;
});
