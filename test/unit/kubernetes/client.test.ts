import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { ApiError, ApiUnreachable } from '../../../app/kubernetes/errors.ts';
import { explain } from '../../../app/lib/errors.ts';
import { apiOn, apiServer, json, status } from '../../support/api-server.ts';
import { HandClock } from '../../support/clock.ts';

const never = new AbortController().signal;
/** All that an iterable gives, in order. */
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}
const get = (path: string, signal = never) => ({ verb: 'get', path, signal }) as const;

// Credentials rotate under a long drain: the first 401 after it is not the end.
test('a 401 renews the credentials once, and the call is sent again with the new ones', async (t) => {
  const server = await apiServer(t, ({ headers }, response) =>
    headers.authorization === 'Bearer new' ? json(response, 200, { ok: true }) : json(response, 401, {}),
  );
  const fresh: boolean[] = [];
  const api = apiOn(t, server.url, new HandClock(), {
    authenticate: async (isFresh) => {
      fresh.push(isFresh);
      return { authorization: isFresh ? 'Bearer new' : 'Bearer old' };
    },
  });
  assert.deepEqual(await api.call(get('/a')), { ok: true });
  assert.deepEqual(fresh, [false, true]);
});

// A cluster that refuses us for good must be told from one that needs a new token, without a storm of renewals.
test('a second 401 is the answer', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 401, status(401, 'Unauthorized', 'Unauthorized')));
  const api = apiOn(t, server.url, new HandClock());
  await assert.rejects(api.call(get('/a')), (error) => error instanceof ApiError && error.code === 401);
  assert.equal(server.received.length, 2);
});

// Ignoring flow control makes an overloaded API server worse, and gets the drainer refused for longer.
test('Retry-After pauses every call, not only the one that was refused', async (t) => {
  const clock = new HandClock();
  let busy = true;
  const server = await apiServer(t, (_, response) =>
    busy
      ? json(response, 429, status(429, 'TooManyRequests', 'busy'), { 'retry-after': '5' })
      : json(response, 200, {}),
  );
  const pauses: number[] = [];
  const api = apiOn(t, server.url, clock, { throttled: (pauseMs) => pauses.push(pauseMs) });
  await assert.rejects(api.call(get('/a')), ApiError);
  busy = false;
  assert.deepEqual(pauses, [5_000]);
  const others = Promise.all([api.call(get('/b')), api.call(get('/c'))]);
  await clock.advance(4_999);
  assert.equal(server.received.length, 1);
  await clock.advance(1);
  await others;
  assert.deepEqual(server.received.map(({ path }) => path).sort(), ['/a', '/b', '/c']);
});

// A pod's budget says 429 too; pausing for it would stop the eviction of all its neighbours.
test('the 429 of a budget pauses nothing', async (t) => {
  const causes = [{ reason: 'DisruptionBudget' }];
  const server = await apiServer(t, ({ path }, response) =>
    path === '/a'
      ? json(response, 429, status(429, 'TooManyRequests', 'no', { causes }), { 'retry-after': '10' })
      : json(response, 200, {}),
  );
  const api = apiOn(t, server.url, new HandClock(), { throttled: () => assert.fail('paused') });
  await assert.rejects(api.call(get('/a')), ApiError);
  await api.call(get('/b'));
  assert.equal(server.received.length, 2);
});

// SIGTERM leaves two seconds: a call that waits for its answer, for a pause or for credentials must not use them up.
test('an abort ends a call at once with its reason, whatever it waits for', async (t) => {
  const clock = new HandClock();
  const reason = new Error('SIGTERM');
  const arrived = new EventTarget();
  const server = await apiServer(t, ({ path }, response) => {
    if (path === '/busy') json(response, 429, {}, { 'retry-after': '60' });
    else arrived.dispatchEvent(new Event(path));
    if (path === '/half') response.write('{"half":');
  });
  const api = apiOn(t, server.url, clock);
  for (const path of ['/hangs', '/half']) {
    const stop = new AbortController();
    const waits = once(arrived, path);
    const call = api.call(get(path, stop.signal));
    await waits;
    stop.abort(reason);
    await assert.rejects(call, reason, path);
  }
  await assert.rejects(api.call(get('/busy')), ApiError);
  const stop = new AbortController();
  const paused = api.call(get('/paused', stop.signal));
  await clock.settle();
  stop.abort(reason);
  await assert.rejects(paused, reason);
});

// What the network does to a call is worth another try; ending the drain for it is not.
test('lost connections, refused ones and garbage are ApiUnreachable, which may pass, and name the server', async (t) => {
  const server = await apiServer(t, ({ path }, response) => {
    if (path === '/reset') response.socket?.destroy();
    else if (path === '/half')
      response.writeHead(200, { 'content-length': '100' }).write('{', () => response.socket?.destroy());
    else response.end('<html>welcome</html>');
  });
  const refused = apiOn(t, 'http://127.0.0.1:1', new HandClock());
  const api = apiOn(t, server.url, new HandClock());
  const calls = [api.call(get('/reset')), api.call(get('/half')), api.call(get('/garbage')), refused.call(get('/x'))];
  for (const settled of await Promise.allSettled(calls)) {
    assert.equal(settled.status, 'rejected');
    assert.ok(settled.reason instanceof ApiUnreachable);
    assert.equal(settled.reason.transient, true);
    assert.match(settled.reason.message, /(no answer from|at) http:\/\/127\.0\.0\.1.*\(.+\)$/);
  }
});

// The bearer token is the key to the cluster; an error that quotes its request puts it into the log.
test('no error of a call tells the credentials', async (t) => {
  const server = await apiServer(t, ({ path }, response) =>
    path === '/reset' ? void response.socket?.destroy() : json(response, 403, status(403, 'Forbidden', 'no')),
  );
  const authenticate = async () => ({ authorization: 'Bearer s3cr3t' });
  const api = apiOn(t, server.url, new HandClock(), { authenticate });
  for (const path of ['/reset', '/forbidden']) {
    const error = await api.call(get(path)).catch((error: unknown) => error);
    assert.ok(error instanceof Error);
    assert.doesNotMatch(`${explain(error)} ${error.stack} ${JSON.stringify(error)}`, /s3cr3t/);
  }
  assert.equal(server.received[0]?.headers.authorization, 'Bearer s3cr3t');
});

test('requests are counted by verb, also those that were sent twice', async (t) => {
  let first = true;
  const server = await apiServer(t, (_, response) => {
    json(response, first ? 401 : 200, {});
    first = false;
  });
  const api = apiOn(t, server.url, new HandClock());
  await api.call({ verb: 'list', path: '/a', signal: never });
  await api.call({ verb: 'create', path: '/a', body: {}, signal: never });
  await api.call({ verb: 'patch', path: '/a', body: {}, contentType: 'application/merge-patch+json', signal: never });
  assert.deepEqual(api.counts, { get: 0, list: 2, watch: 0, create: 1, patch: 1, delete: 0 });
  assert.deepEqual(
    server.received.map(({ method, headers }) => `${method} ${headers['content-type'] ?? ''}`.trim()),
    ['GET', 'GET', 'POST application/json', 'PATCH application/merge-patch+json'],
  );
});

// A line of a watch comes in pieces, several come at once, and a letter of three bytes is cut in two.
test('the lines of a watch are put together from what the network makes of them', async (t) => {
  const bytes = Buffer.from('{"a":"größe"}\n{"b":1}\n\n{"c":2}\n');
  const server = await apiServer(t, async (_, response) => {
    for (const byte of bytes) await new Promise<void>((sent) => response.write(Buffer.of(byte), () => sent()));
    response.end();
  });
  const api = apiOn(t, server.url, new HandClock());
  const lines = await all(api.lines({ verb: 'watch', path: '/w', signal: never }));
  assert.deepEqual(lines, ['{"a":"größe"}', '{"b":1}', '{"c":2}']);
});

test('a watch that is refused, or lost in the middle, rejects', async (t) => {
  const server = await apiServer(t, ({ path }, response) => {
    if (path === '/gone') json(response, 410, status(410, 'Expired', 'too old resource version'));
    else response.write('{"a":1}\n', () => response.socket?.destroy());
  });
  const api = apiOn(t, server.url, new HandClock());
  const lines = (path: string) => all(api.lines({ verb: 'watch', path, signal: never }));
  await assert.rejects(lines('/gone'), (error) => error instanceof ApiError && error.code === 410);
  await assert.rejects(lines('/lost'), ApiUnreachable);
});

// A watch that nobody reads any more holds its connection until the server ends it, minutes later.
test('the connection of a watch is let go when its reader stops', async (t) => {
  const closed = Promise.withResolvers<string>();
  const server = await apiServer(t, (_, response) => {
    response.on('close', () => closed.resolve('closed'));
    response.write('{"a":1}\n');
  });
  const api = apiOn(t, server.url, new HandClock());
  for await (const line of api.lines({ verb: 'watch', path: '/w', signal: never })) {
    assert.equal(line, '{"a":1}');
    break;
  }
  assert.equal(await closed.promise, 'closed');
});
