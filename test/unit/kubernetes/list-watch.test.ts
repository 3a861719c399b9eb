import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Collection, consistentList, list } from '../../../app/kubernetes/list-watch.ts';
import { readNode } from '../../../app/kubernetes/nodes.ts';
import { Denied, isTransient } from '../../../app/lib/errors.ts';
import { json, status } from '../../support/api-server.ts';
import { type Exchange, listWatchFixture } from '../../support/list-watch-fixture.ts';

const collection: Collection<string> = {
  name: 'the nodes',
  path: '/api/v1/nodes?labelSelector=a%3Db',
  read: (object) => readNode(object).name,
};
const object = (name: string, resourceVersion: string) => ({ metadata: { uid: name, name, resourceVersion } });
const listOf = (resourceVersion: string, ...names: string[]) => ({
  metadata: { resourceVersion },
  items: names.map((name) => object(name, '1')),
});
const TOO_LARGE = status(504, 'Timeout', 'Timeout: Too large resource version: 9, current: 8', {
  causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  retryAfterSeconds: 1,
});
const never = new AbortController().signal;
const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

// A thousand drainers that each scan etcd for the pods of one node would overload the control plane.
test('the first list comes from the watch cache, and the watch continues from its version', async (t) => {
  const { server, sink, start, settle } = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
    ({ response }) => response.write(event('ADDED', object('b', '8')) + event('BOOKMARK', object('', '9'))),
  ]);
  start();
  await settle();
  assert.deepEqual(sink.names(), ['a', 'b']);
  const [first, second] = server.received.map(({ query }) => Object.fromEntries(query));
  assert.deepEqual(first, { labelSelector: 'a=b', resourceVersion: '0', resourceVersionMatch: 'NotOlderThan' });
  assert.equal(second?.['resourceVersion'], '7');
  assert.equal(second['watch'], '1');
  assert.equal(second['allowWatchBookmarks'], 'true');
});

// A real API server closes the watch of a slow client during a burst of events, without an error: the missed events never come.
test('a watch that ends is followed by a list that is not older than its last event', async (t) => {
  const { server, sink, start, settle } = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a', 'b', 'c')),
    ({ response }) => response.end(event('DELETED', object('a', '8'))),
    ({ response }) => json(response, 200, listOf('12', 'c')),
    ({ response }) => response.write(event('ADDED', object('d', '13'))),
  ]);
  start();
  await settle();
  assert.deepEqual(sink.names(), ['c', 'd']);
  assert.equal(server.received[2]?.query.get('resourceVersion'), '8');
  assert.equal(server.received[3]?.query.get('resourceVersion'), '12');
});

// 410 also arrives as an event, after a 200: taken for an object, it is an object without a name.
test('a 410 as an ERROR event, or as the response to a watch or a list, leads to a consistent list', async (t) => {
  const expired = status(410, 'Expired', 'too old resource version: 7 (9)');
  const { server, sink, start, settle } = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
    ({ response }) => response.end(event('ERROR', expired)),
    ({ response }) => json(response, 200, listOf('20', 'b')),
    ({ response }) => json(response, 410, expired),
    ({ response }) => json(response, 410, expired),
    ({ response }) => json(response, 200, listOf('30', 'c')),
    ({ response }) => response.write(event('ADDED', object('d', '31'))),
  ]);
  start();
  await settle();
  assert.deepEqual(sink.names(), ['c', 'd']);
  const queries = server.received.map(
    ({ query }) => `${query.get('watch') ?? '-'} ${query.get('resourceVersion') ?? ''}`,
  );
  assert.deepEqual(queries, ['- 0', '1 7', '- ', '1 20', '- ', '- ', '1 30']);
});

// An unreadable line from a proxy, or an unknown event type, must not end the drain, and must not be skipped.
test('an unreadable event leads to a new list', async (t) => {
  for (const garbage of [
    '<html>\n',
    '{"type":"ADDED"}\n',
    '{"type":"ADDED","object":{}}\n',
    event('WHAT', object('x', '8')),
  ]) {
    const { sink, start, settle } = await listWatchFixture(t, collection, [
      ({ response }) => json(response, 200, listOf('7', 'a')),
      ({ response }) => response.write(garbage),
      ({ response }) => json(response, 200, listOf('9', 'b')),
      ({ response }) => response.write(event('ADDED', object('c', '10'))),
    ]);
    start();
    await settle();
    assert.deepEqual(sink.names(), ['b', 'c'], garbage);
  }
});

// A server that is behind the one that answered first would be asked for ever for a version that it does not have.
// kubernetes: staging/src/k8s.io/apiserver/pkg/storage/errors.go (NewTooLargeResourceVersionError)
test('a list from a server that has not seen the version yet is followed by a consistent list', async (t) => {
  const { server, sink, start, settle } = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 504, TOO_LARGE, { 'retry-after': '1' }),
    ({ response }) => json(response, 200, listOf('9', 'b')),
    ({ response }) => response.write(event('ADDED', object('c', '10'))),
  ]);
  start();
  await settle();
  assert.deepEqual(sink.names(), ['b', 'c']);
  assert.deepEqual(Object.fromEntries(server.received[1]?.query ?? []), { labelSelector: 'a=b' });
});

// An API server that is overloaded says with 503 when to come back: watches that all come back at once overload it again.
test('a list or watch that fails with 503 is repeated no sooner than Retry-After asks', async (t) => {
  const { server, clock, start, shutDown } = await listWatchFixture(t, collection, []);
  server.otherwise = ({ response }) =>
    json(response, 503, status(503, 'ServiceUnavailable', 'no'), { 'retry-after': '9' });
  start();
  await clock.advanceTo(8_000);
  assert.equal(server.received.length, 1);
  await clock.advanceTo(10_000);
  assert.equal(server.received.length, 2);
  await shutDown();
});

// Unreadable data after a while looks like a lost connection: a list each second, for hours, without a report.
test('watches that send unreadable data are restarted with a growing backoff, and each is reported', async (t) => {
  const { server, clock, recorder, start, shutDown } = await listWatchFixture(t, collection, []);
  const garbage = ['<html>\n', event('WHAT', object('x', '8')), '{"type":"ADDED"', '{"type":"MODIFIED","object":7}\n'];
  server.otherwise = ({ query, response }) => {
    if (query.get('watch') === null) return json(response, 200, listOf('7', 'a'));
    // After two seconds of silence by the clock of the drain.
    const silence = clock.sleep(2_000, new AbortController().signal);
    return silence.then(() => response.end(garbage[server.received.length % garbage.length]));
  };
  start();
  await clock.advanceTo(60_000);
  const watches = server.received.filter(({ query }) => query.get('watch') === '1').length;
  assert.ok(watches >= 5 && watches <= 12, `${watches} watches in a minute`);
  const reports = recorder.of('retrying');
  assert.ok(reports.length >= watches - 1, `${reports.length} reports of ${watches}`);
  assert.ok(reports.every(({ error }) => /^watch .*unreadable response \(.+\)/.test(String(error).slice(9))));
  await shutDown();
});

// A load balancer drops the connection, a list is incomplete, a server is down: each is temporary.
test('after network errors it lists and watches again, and reports from the second error on', async (t) => {
  const lose = ({ response }: Exchange) => response.socket?.destroy();
  const { recorder, sink, start, settle } = await listWatchFixture(t, collection, [
    lose,
    ({ response }) => json(response, 503, {}),
    ({ response }) => json(response, 200, { not: 'a list' }),
    ({ response }) => json(response, 200, listOf('7', 'a')),
    lose,
    ({ response }) => json(response, 200, listOf('8', 'a', 'b')),
    ({ response }) => response.write(event('ADDED', object('c', '9'))),
  ]);
  start();
  await settle();
  assert.deepEqual(sink.names(), ['a', 'b', 'c']);
  assert.ok(recorder.of('retrying').length >= 2);
  assert.ok(recorder.of('retrying').every(({ operation }) => operation === 'watch the nodes'));
});

// A server or proxy that ends every watch at once would get thousands of requests a second.
test('watches that end at once are restarted with a growing backoff', async (t) => {
  const { server, clock, start, shutDown } = await listWatchFixture(t, collection, []);
  server.otherwise = ({ query, response }) =>
    query.get('watch') === '1' ? response.end() : json(response, 200, listOf('7', 'a'));
  start();
  await clock.advanceTo(20_000);
  const lists = server.received.filter(({ query }) => query.get('watch') === null).length;
  assert.ok(lists >= 4 && lists <= 15, `${lists} lists in 20 s`);
  await shutDown();
});

// A watch that survives a denial retries it for hours; one that survives an abort keeps the process alive.
test('a denial rejects; an abort rejects with its reason, even while the watch is silent', async (t) => {
  const message = 'nodes is forbidden: User "x" cannot watch resource "nodes" in API group "" at the cluster scope';
  const denied = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
    ({ response }) => json(response, 403, status(403, 'Forbidden', message)),
  ]);
  await assert.rejects(denied.start(), Denied);
  const silent = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
    ({ response }) => response.write(event('ADDED', object('b', '8'))),
  ]);
  const observing = silent.start();
  await silent.settle();
  const reason = new Error('over');
  silent.stop.abort(reason);
  await assert.rejects(observing, reason);
});

// A second list is a needless request, and a watch from now on would miss the changes since the snapshot.
test('with a snapshot it watches from the version of the snapshot, without a list', async (t) => {
  const { server, sink, start, settle } = await listWatchFixture(t, collection, [
    ({ response }) => response.write(event('ADDED', object('b', '8'))),
  ]);
  start({ items: ['a'], resourceVersion: '7' });
  await settle();
  assert.equal(server.received[0]?.query.get('resourceVersion'), '7');
  assert.deepEqual(sink.names(), ['b']);
});

// resourceVersion 0 reads the cache, none reads consistently: only the latter proves that a node is empty.
test('a list without a version is a consistent read', async (t) => {
  const { server, client } = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
  ]);
  assert.deepEqual((await list(client, collection, undefined, new AbortController().signal)).items, ['a']);
  assert.equal(server.received[0]?.query.has('resourceVersion'), false);
});

/** The response to `limit=1` in a large collection. */
const large = (resourceVersion: string) => ({
  metadata: { resourceVersion, continue: 'c', remainingItemCount: 20_000 },
  items: [object('x', '1')],
});

// Without a version, servers before 1.31 read every pod of the cluster from etcd for the pods of one node (KEP-2340). With
// version 0, the cache of a server that is behind says that the node is empty, and the hook is completed with pods on it.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
test('in a large cluster a consistent list asks for the current version, and the watch cache for that version or a newer one', async (t) => {
  const { server, client, clock } = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, large('41')),
    ({ response }) => json(response, 200, listOf('43', 'a', 'b')),
  ]);
  assert.deepEqual(await consistentList(client, collection, '/api/v1/nodes', clock)(never), ['a', 'b']);
  const [first, second] = server.received.map(({ path, query }) => ({ path, query: Object.fromEntries(query) }));
  assert.deepEqual(first, { path: '/api/v1/nodes', query: { limit: '1' } });
  const query = { labelSelector: 'a=b', resourceVersion: '41', resourceVersionMatch: 'NotOlderThan' };
  assert.deepEqual(second, { path: '/api/v1/nodes', query });
  assert.equal(server.received.length, 2);
});

// A read of a few hundred pods is nothing to etcd; a request more before every confirmation is, and each can fail.
test('in a small cluster every consistent list after the first is one request, without a version', async (t) => {
  const { server, client, clock } = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, listOf('41', 'x')),
    ({ response }) => json(response, 500, {}),
    ({ response }) => json(response, 200, listOf('43', 'a')),
  ]);
  const read = consistentList(client, collection, '/api/v1/nodes', clock);
  await assert.rejects(read(never), (error) => isTransient(error));
  assert.deepEqual(await read(never), ['a']);
  const asked = ['limit=1', 'labelSelector=a%3Db', 'labelSelector=a%3Db'];
  assert.deepEqual(
    server.received.map(({ query }) => query.toString()),
    asked,
  );
});

// The object of the first request is any in the cluster: one that cannot be read must not end the drain of a node without it.
test('the one object of the first request of a consistent list is not read', async (t) => {
  const { client, clock } = await listWatchFixture(t, collection, [
    ({ response }) => json(response, 200, { metadata: { resourceVersion: '41' }, items: [{ metadata: 7 }] }),
    ({ response }) => json(response, 200, listOf('41', 'a')),
  ]);
  assert.deepEqual(await consistentList(client, collection, '/api/v1/nodes', clock)(never), ['a']);
});

// Before 1.31 the watch cache of pods knows no version until a pod changes: in a quiet cluster it would say 504 until the hook ends.
// kubernetes v1.30 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go (waitUntilFreshAndBlock, blockTimeout)
for (const [how, answer] of [
  ['says so', ({ response }: Exchange) => json(response, 504, TOO_LARGE, { 'retry-after': '1' })],
  ['does not answer within half a second', () => undefined],
] as const) {
  test(`when a watch cache that is behind ${how}, a consistent list comes from etcd`, async (t) => {
    const { server, client, clock } = await listWatchFixture(t, collection, [
      ({ response }) => json(response, 200, large('276')),
      answer,
      ({ response }) => json(response, 200, listOf('276', 'a')),
    ]);
    const reading = consistentList(client, collection, '/api/v1/nodes', clock)(never);
    await clock.advanceTo(600);
    assert.deepEqual(await reading, ['a']);
    assert.equal(server.received[2]?.query.toString(), 'labelSelector=a%3Db');
  });
}
