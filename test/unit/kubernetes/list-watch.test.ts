import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Collection, list } from '../../../app/kubernetes/list-watch.ts';
import { readNode } from '../../../app/kubernetes/nodes.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { json, status } from '../../support/api-server.ts';
import { type Exchange, watched } from '../../support/watched.ts';

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
const event = (type: string, of: object) => `${JSON.stringify({ type, object: of })}\n`;

// A thousand drainers that each scan etcd for the pods of one node bring the control plane down.
test('the first list comes from the watch cache, and the watch goes on where it ended', async (t) => {
  const { server, sink, begin, rest } = await watched(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
    ({ response }) => response.write(event('ADDED', object('b', '8')) + event('BOOKMARK', object('', '9'))),
  ]);
  begin();
  await rest();
  assert.deepEqual(sink.shows(), ['a', 'b']);
  const [first, second] = server.received.map(({ query }) => Object.fromEntries(query));
  assert.deepEqual(first, { labelSelector: 'a=b', resourceVersion: '0' });
  assert.equal(second?.['resourceVersion'], '7');
  assert.equal(second['watch'], '1');
  assert.equal(second['allowWatchBookmarks'], 'true');
});

// A real API server closes the watch of a slow client in mid-burst, without an error: a drainer that trusts it hangs.
test('a watch that ends in mid-burst is followed by a list no older than what it told', async (t) => {
  const { server, sink, begin, rest } = await watched(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a', 'b', 'c')),
    ({ response }) => response.end(event('DELETED', object('a', '8'))),
    ({ response }) => json(response, 200, listOf('12', 'c')),
    ({ response }) => response.write(event('ADDED', object('d', '13'))),
  ]);
  begin();
  await rest();
  assert.deepEqual(sink.shows(), ['c', 'd']);
  assert.equal(server.received[2]?.query.get('resourceVersion'), '8');
  assert.equal(server.received[3]?.query.get('resourceVersion'), '12');
});

// 410 comes as an event in a stream that began with 200; taken for an object, it is an object without a name.
test('410 as an ERROR event, as an answer to the watch, and to the list, leads to a list of what is true', async (t) => {
  const expired = status(410, 'Expired', 'too old resource version: 7 (9)');
  const { server, sink, begin, rest } = await watched(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
    ({ response }) => response.end(event('ERROR', expired)),
    ({ response }) => json(response, 200, listOf('20', 'b')),
    ({ response }) => json(response, 410, expired),
    ({ response }) => json(response, 410, expired),
    ({ response }) => json(response, 200, listOf('30', 'c')),
    ({ response }) => response.write(event('ADDED', object('d', '31'))),
  ]);
  begin();
  await rest();
  assert.deepEqual(sink.shows(), ['c', 'd']);
  const asked = server.received.map(
    ({ query }) => `${query.get('watch') ?? '-'} ${query.get('resourceVersion') ?? ''}`,
  );
  assert.deepEqual(asked, ['- 0', '1 7', '- ', '1 20', '- ', '- ', '1 30']);
});

// One line of garbage from a proxy, or an event type of the future, must not end the drain, nor be skipped.
test('garbage in the stream leads to a new list', async (t) => {
  for (const garbage of [
    '<html>\n',
    '{"type":"ADDED"}\n',
    '{"type":"ADDED","object":{}}\n',
    event('WHAT', object('x', '8')),
  ]) {
    const { sink, begin, rest } = await watched(t, collection, [
      ({ response }) => json(response, 200, listOf('7', 'a')),
      ({ response }) => response.write(garbage),
      ({ response }) => json(response, 200, listOf('9', 'b')),
      ({ response }) => response.write(event('ADDED', object('c', '10'))),
    ]);
    begin();
    await rest();
    assert.deepEqual(sink.shows(), ['b', 'c'], garbage);
  }
});

// Garbage that comes late looks like a lost connection: a list a second, for hours, and nobody is told.
test('watches that send garbage are begun again more and more slowly, and each is told', async (t) => {
  const { server, clock, recorder, begin, done } = await watched(t, collection, []);
  const garbage = ['<html>\n', event('WHAT', object('x', '8')), '{"type":"ADDED"', '{"type":"MODIFIED","object":7}\n'];
  server.otherwise = ({ query, response }) => {
    if (query.get('watch') === null) return json(response, 200, listOf('7', 'a'));
    // After a good while of silence by the clock of the drain.
    const late = clock.sleep(2_000, new AbortController().signal);
    return late.then(() => response.end(garbage[server.received.length % garbage.length]));
  };
  begin();
  await clock.awaken(60_000);
  const watches = server.received.filter(({ query }) => query.get('watch') === '1').length;
  assert.ok(watches >= 5 && watches <= 12, `${watches} watches in a minute`);
  const told = recorder.of('retrying');
  assert.ok(told.length >= watches - 1, `${told.length} reports of ${watches}`);
  assert.ok(told.every(({ error }) => /^watch .*an answer that cannot be read \(.+\)/.test(String(error).slice(9))));
  await done();
});

// A load balancer that drops the connection, a list that is cut short, a server that is down: all of them pass.
test('whatever the network does to lists and watches, it goes on, and says so from the second failure on', async (t) => {
  const lose = ({ response }: Exchange) => response.socket?.destroy();
  const { recorder, sink, begin, rest } = await watched(t, collection, [
    lose,
    ({ response }) => json(response, 503, {}),
    ({ response }) => json(response, 200, { not: 'a list' }),
    ({ response }) => json(response, 200, listOf('7', 'a')),
    lose,
    ({ response }) => json(response, 200, listOf('8', 'a', 'b')),
    ({ response }) => response.write(event('ADDED', object('c', '9'))),
  ]);
  begin();
  await rest();
  assert.deepEqual(sink.shows(), ['a', 'b', 'c']);
  assert.ok(recorder.of('retrying').length >= 2);
  assert.ok(recorder.of('retrying').every(({ operation }) => operation === 'watch the nodes'));
});

// A server or proxy that ends every watch at once would be asked thousands of times a second.
test('watches that end at once are begun again more and more slowly', async (t) => {
  const { server, clock, begin, done } = await watched(t, collection, []);
  server.otherwise = ({ query, response }) =>
    query.get('watch') === '1' ? response.end() : json(response, 200, listOf('7', 'a'));
  begin();
  await clock.awaken(20_000);
  const lists = server.received.filter(({ query }) => query.get('watch') === null).length;
  assert.ok(lists >= 4 && lists <= 15, `${lists} lists in 20 s`);
  await done();
});

test('being denied ends it; being aborted ends it with the reason, also while nothing comes', async (t) => {
  const message = 'nodes is forbidden: User "x" cannot watch resource "nodes" in API group "" at the cluster scope';
  const denied = await watched(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
    ({ response }) => json(response, 403, status(403, 'Forbidden', message)),
  ]);
  await assert.rejects(denied.begin(), Denied);
  const silent = await watched(t, collection, [
    ({ response }) => json(response, 200, listOf('7', 'a')),
    ({ response }) => response.write(event('ADDED', object('b', '8'))),
  ]);
  const reflecting = silent.begin();
  await silent.rest();
  const reason = new Error('over');
  silent.stop.abort(reason);
  await assert.rejects(reflecting, reason);
});

// What was read already need not be read again, and what changed since must not be missed.
test('from a snapshot it watches without a list', async (t) => {
  const { server, sink, begin, rest } = await watched(t, collection, [
    ({ response }) => response.write(event('ADDED', object('b', '8'))),
  ]);
  begin({ items: ['a'], resourceVersion: '7' });
  await rest();
  assert.equal(server.received[0]?.query.get('resourceVersion'), '7');
  assert.deepEqual(sink.shows(), ['b']);
});

// "0 or absent" decides between a read of the cache and a consistent one: an empty node must be confirmed by the latter.
test('a list without a version asks for a consistent read', async (t) => {
  const { server, api } = await watched(t, collection, [({ response }) => json(response, 200, listOf('7', 'a'))]);
  assert.deepEqual((await list(api, collection, undefined, new AbortController().signal)).items, ['a']);
  assert.equal(server.received[0]?.query.has('resourceVersion'), false);
});
