import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { CoreV1Api, makeInformer } from '@kubernetes/client-node';
import { administrator } from '../../support/administrator.ts';
import { at, endsWith, eventually, items, MERGE, PARTIAL, podBody, startLab, types } from './test-cluster.ts';

describe('watches of the simulated v1.34', { concurrency: true }, async () => {
  const lab = await startLab({ after });

  // Prevents: a watch that misses what happened between the list and the watch.
  test('a watch from the version of a list tells everything since, and nothing twice', async () => {
    const namespace = await lab.namespace();
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await lab.runningPod(namespace, podBody('old'));
    const version = await lab.version(path);
    await lab.runningPod(namespace, podBody('new'));
    // This one is read to its end, so that an event too many is seen as well.
    const events = await lab.watch(`${path}?watch=1&timeoutSeconds=1&resourceVersion=${version}`);
    assert.deepEqual(types(events), ['ADDED', 'MODIFIED', 'MODIFIED']);
    const versions = events.map((event) => Number(at(event, 'object', 'metadata', 'resourceVersion')));
    assert.deepEqual(
      versions,
      [...new Set(versions)].sort((a, b) => a - b),
    );
    assert.ok(versions.every((each) => each > Number(version)));
  });

  // Prevents: a pod that leaves a selector and is waited for until the end of time.
  test('an object that stops matching the selector of a watch is DELETED for that watch', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a', { labels: { tier: 'x' } }));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const query = `watch=1&timeoutSeconds=5&labelSelector=tier+in+(x,y)&resourceVersion=${await lab.version(path)}`;
    const watched = lab.watch(`${path}?${query}`, endsWith('ADDED'));
    await lab.send('PATCH', `${path}/a`, { metadata: { labels: { tier: 'z' } } }, MERGE);
    await lab.send('PATCH', `${path}/a`, { metadata: { labels: { tier: 'y' } } }, MERGE);
    assert.deepEqual(types(await watched), ['DELETED', 'ADDED']);
  });

  // Prevents: a client that waits for data which metadata-only watches never carry.
  test('PartialObjectMetadata carries the metadata only, in get, list and watch', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const one = await lab.send('GET', `${path}/a`, undefined, { accept: PARTIAL });
    assert.deepEqual(Object.keys(one.body), ['kind', 'apiVersion', 'metadata']);
    const list = await lab.send('GET', path, undefined, { accept: PARTIAL.replace('Metadata;', 'MetadataList;') });
    assert.equal(list.body['kind'], 'PartialObjectMetadataList');
    assert.deepEqual(items(list), [one.body]);
    const [event] = await lab.watch(`${path}?watch=1`, endsWith('ADDED'), { accept: PARTIAL });
    assert.deepEqual(event, { type: 'ADDED', object: one.body });
    assert.equal((await lab.send('GET', path, undefined, { accept: PARTIAL })).status, 406);
  });

  // Prevents: a simulator that only its own client understands.
  test("the generated client's informer sees pods come and go", async () => {
    const namespace = await lab.namespace();
    const config = administrator(lab.simulator);
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
      await lab.running(namespace, 'a');
      await api.createNamespacedPodEviction({
        name: 'a',
        namespace,
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'a' } },
      });
      await eventually(async () => (seen.includes('delete a') ? true : undefined), 'the informer to see the pod go');
      assert.deepEqual(seen, ['add a', 'delete a']);
    } finally {
      await informer.stop();
    }
  });
});

// Prevents: a watch whose silence is taken for peace.
test('bookmarks come while nothing happens, and before the server ends a watch', async (t) => {
  const lab = await startLab(t, { bookmarkIntervalMs: 200 });
  const query = 'watch=1&allowWatchBookmarks=true&timeoutSeconds=2';
  const events = await lab.watch(`/api/v1/pods?${query}&resourceVersion=${await lab.version('/api/v1/pods')}`);
  assert.ok(events.length >= 2, `${events.length} bookmarks`);
  assert.deepEqual([...new Set(types(events))], ['BOOKMARK']);
});

// Prevents: a drain that believes in one watch.
test('watches can be ended or reset while they run', async (t) => {
  const lab = await startLab(t);
  const version = await lab.version('/api/v1/nodes');
  const opened = () => lab.simulator.requests.filter(({ verb, status }) => verb === 'watch' && status === 200).length;
  const query = `watch=1&timeoutSeconds=5&resourceVersion=${version}`;
  const ended = lab.watch(`/api/v1/nodes?${query}`);
  await eventually(async () => (opened() === 1 ? true : undefined), 'the first watch to open');
  lab.simulator.dropWatches();
  assert.deepEqual(await ended, []);
  const reset = assert.rejects(lab.watch(`/api/v1/nodes?${query}`));
  await eventually(async () => (opened() === 2 ? true : undefined), 'the second watch to open');
  lab.simulator.dropWatches('reset');
  await reset;
});
