import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { deferAbort } from '../../../app/kubernetes/client.ts';
import { ApiError, ApiUnreachable } from '../../../app/kubernetes/errors.ts';
import { explain } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';

const never = new AbortController().signal;
async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
const get = (path: string, signal = never) => ({ verb: 'get', path, signal }) as const;
const watch = (path: string) => ({ verb: 'watch', path, signal: never }) as const;

// Credentials rotate during a long drain: the first 401 after a rotation must not end it.
test('after a 401 the call is sent again, once, with new credentials', async (t) => {
  const server = await apiServer(t, ({ headers }, response) =>
    headers.authorization === 'Bearer new' ? json(response, 200, { ok: true }) : json(response, 401, {}),
  );
  const refusals: boolean[] = [];
  const client = clientOf(t, server.url, new ManualClock(), {
    authenticate: async (refused) => {
      refusals.push(refused);
      return { authorization: refused ? 'Bearer new' : 'Bearer old' };
    },
  });
  assert.deepEqual(await client.call(get('/a')), { ok: true });
  assert.deepEqual(refusals, [false, true]);
});

// A cluster that refuses every token would cause an endless series of renewals.
test('a second 401 is an error', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 401, status(401, 'Unauthorized', 'Unauthorized')));
  const client = clientOf(t, server.url, new ManualClock());
  await assert.rejects(client.call(get('/a')), (error) => error instanceof ApiError && error.code === 401);
  assert.equal(server.received.length, 2);
});

// Ignoring flow control adds load to an overloaded API server, which then refuses the drainer for longer.
test('Retry-After pauses every call, not only the refused one', async (t) => {
  const clock = new ManualClock();
  let busy = true;
  const server = await apiServer(t, (_, response) =>
    busy
      ? json(response, 429, status(429, 'TooManyRequests', 'busy'), { 'retry-after': '5' })
      : json(response, 200, {}),
  );
  const pauses: number[] = [];
  const client = clientOf(t, server.url, clock, { onThrottled: (pauseMs) => pauses.push(pauseMs) });
  await assert.rejects(client.call(get('/a')), ApiError);
  busy = false;
  assert.deepEqual(pauses, [5_000]);
  const others = Promise.all([client.call(get('/b')), client.call(get('/c'))]);
  await clock.advance(4_999);
  assert.equal(server.received.length, 1);
  await clock.advance(1);
  await others;
  assert.deepEqual(server.received.map(({ path }) => path).sort(), ['/a', '/b', '/c']);
});

// A disruption budget causes 429 too: a pause for it would delay the evictions of all other pods.
test('the 429 of a disruption budget pauses nothing', async (t) => {
  const causes = [{ reason: 'DisruptionBudget' }];
  const server = await apiServer(t, ({ path }, response) =>
    path === '/a'
      ? json(response, 429, status(429, 'TooManyRequests', 'no', { causes }), { 'retry-after': '10' })
      : json(response, 200, {}),
  );
  const client = clientOf(t, server.url, new ManualClock(), { onThrottled: () => assert.fail('paused') });
  await assert.rejects(client.call(get('/a')), ApiError);
  await client.call(get('/b'));
  assert.equal(server.received.length, 2);
});

// After SIGTERM two seconds remain: a call that waits for a response or a pause must not use them up.
test('an abort rejects a waiting call at once, with its reason', async (t) => {
  const clock = new ManualClock();
  const reason = new Error('SIGTERM');
  const arrived = new EventTarget();
  const server = await apiServer(t, ({ path }, response) => {
    if (path === '/busy') json(response, 429, {}, { 'retry-after': '60' });
    else arrived.dispatchEvent(new Event(path));
    if (path === '/half') response.write('{"half":');
  });
  const client = clientOf(t, server.url, clock);
  for (const path of ['/hangs', '/half']) {
    const stop = new AbortController();
    const received = once(arrived, path);
    const call = client.call(get(path, stop.signal));
    await received;
    stop.abort(reason);
    await assert.rejects(call, reason, path);
  }
  await assert.rejects(client.call(get('/busy')), ApiError);
  const stop = new AbortController();
  const paused = client.call(get('/paused', stop.signal));
  await clock.settle();
  stop.abort(reason);
  await assert.rejects(paused, reason);
});

// A network error is worth a retry; it must not end the drain.
test('lost and refused connections and unreadable responses are transient errors that name the server', async (t) => {
  const server = await apiServer(t, ({ path }, response) => {
    if (path === '/reset') response.socket?.destroy();
    else if (path === '/half')
      response.writeHead(200, { 'content-length': '100' }).write('{', () => response.socket?.destroy());
    else response.end('<html>welcome</html>');
  });
  const refused = clientOf(t, 'http://127.0.0.1:1', new ManualClock());
  const client = clientOf(t, server.url, new ManualClock());
  const calls = [
    client.call(get('/reset')),
    client.call(get('/half')),
    client.call(get('/garbage')),
    refused.call(get('/x')),
  ];
  for (const settled of await Promise.allSettled(calls)) {
    assert.equal(settled.status, 'rejected');
    assert.ok(settled.reason instanceof ApiUnreachable);
    assert.equal(settled.reason.transient, true);
    assert.match(settled.reason.message, /(no response from|at) http:\/\/127\.0\.0\.1.*\(.+\)$/);
  }
});

// An error that quotes its request would write the bearer token to the log.
test('no error of a call contains the credentials', async (t) => {
  const server = await apiServer(t, ({ path }, response) =>
    path === '/reset' ? void response.socket?.destroy() : json(response, 403, status(403, 'Forbidden', 'no')),
  );
  const authenticate = async () => ({ authorization: 'Bearer s3cr3t' });
  const client = clientOf(t, server.url, new ManualClock(), { authenticate });
  for (const path of ['/reset', '/forbidden']) {
    const error = await client.call(get(path)).catch((error: unknown) => error);
    assert.ok(error instanceof Error);
    assert.doesNotMatch(`${explain(error)} ${error.stack} ${JSON.stringify(error)}`, /s3cr3t/);
  }
  assert.equal(server.received[0]?.headers.authorization, 'Bearer s3cr3t');
});

// Without the second request of a refused call, the report understates the load on the API server.
test('requests are counted by verb, including those sent again', async (t) => {
  let first = true;
  const server = await apiServer(t, (_, response) => {
    json(response, first ? 401 : 200, {});
    first = false;
  });
  const client = clientOf(t, server.url, new ManualClock());
  await client.call({ verb: 'list', path: '/a', signal: never });
  await client.call({ verb: 'create', path: '/a', body: {}, signal: never });
  await client.call({
    verb: 'patch',
    path: '/a',
    body: {},
    contentType: 'application/merge-patch+json',
    signal: never,
  });
  assert.deepEqual(client.counts, { get: 0, list: 2, watch: 0, create: 1, patch: 1, delete: 0 });
  assert.deepEqual(
    server.received.map(({ method, headers }) => `${method} ${headers['content-type'] ?? ''}`.trim()),
    ['GET', 'GET', 'POST application/json', 'PATCH application/merge-patch+json'],
  );
});

// The network splits a line, joins lines, and splits a character of several bytes: each would lose an event.
test('the lines of a watch are assembled from chunks of any size', async (t) => {
  const bytes = Buffer.from('{"a":"größe"}\n{"b":1}\n\n{"c":2}\n');
  const server = await apiServer(t, async (_, response) => {
    for (const byte of bytes) await new Promise<void>((sent) => response.write(Buffer.of(byte), () => sent()));
    response.end();
  });
  const client = clientOf(t, server.url, new ManualClock());
  const lines = await collect(client.lines(watch('/w')));
  assert.deepEqual(lines, ['{"a":"größe"}', '{"b":1}', '{"c":2}']);
});

// A lost watch that looks like a finished one hides the error, and the watch starts again without a backoff.
test('a watch that is refused or loses its connection rejects', async (t) => {
  const server = await apiServer(t, ({ path }, response) => {
    if (path === '/gone') json(response, 410, status(410, 'Expired', 'too old resource version'));
    else response.write('{"a":1}\n', () => response.socket?.destroy());
  });
  const client = clientOf(t, server.url, new ManualClock());
  const lines = (path: string) => collect(client.lines(watch(path)));
  await assert.rejects(lines('/gone'), (error) => error instanceof ApiError && error.code === 410);
  await assert.rejects(lines('/lost'), ApiUnreachable);
});

// An abandoned watch would hold its connection until the server ends it, minutes later.
test('a watch releases its connection when its consumer stops', async (t) => {
  const closed = Promise.withResolvers<string>();
  const server = await apiServer(t, (_, response) => {
    response.on('close', () => closed.resolve('closed'));
    response.write('{"a":1}\n');
  });
  const client = clientOf(t, server.url, new ManualClock());
  for await (const line of client.lines(watch('/w'))) {
    assert.equal(line, '{"a":1}');
    break;
  }
  assert.equal(await closed.promise, 'closed');
});

// An HTTP/2 stream that is reset in the same turn in which it was written can make Node loop in native code and ignore SIGTERM.
test('a request is aborted one turn of the event loop after the drain', async () => {
  const stop = new AbortController();
  const deferred = deferAbort(stop.signal);
  const reason = new Error('denied');
  stop.abort(reason);
  await Promise.resolve();
  assert.equal(deferred.aborted, false);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(deferred.reason, reason);
});

// A deferred abort that has happened already would let one more request out after SIGTERM.
test('an aborted signal is not deferred', () => {
  assert.equal(deferAbort(AbortSignal.abort()).aborted, true);
});
