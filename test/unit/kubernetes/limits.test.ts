import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LineSplitter, ListParser, MAX_TEXT_CHARS, TooLarge, textOf } from '../../../app/kubernetes/bodies.ts';
import { ApiError, ApiUnreachable, UnreadableResponse } from '../../../app/kubernetes/errors.ts';
import { explain } from '../../../app/lib/errors.ts';
import { apiServer, clientOf } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const MIB = 1024 * 1024;

/** A client of a server that sends data until the client closes the connection, and how much it has sent. */
async function endlessServer(t: TestContext, head: string, status = 200) {
  const chunk = 'x'.repeat(MIB);
  const sent = { bytes: 0, ended: Promise.withResolvers<void>() };
  const server = await apiServer(t, (_, response) => {
    response.writeHead(status).write(head);
    response.on('close', () => sent.ended.resolve());
    const writeMore = () => {
      if (response.destroyed) return;
      sent.bytes += chunk.length;
      response.write(chunk, writeMore);
    };
    writeMore();
  });
  return { client: clientOf(t, server.url, new ManualClock()), sent };
}

// A proxy that streams a video instead of a response would fill the 512 MB of the task and kill the drain.
test('an endless response, line of a watch or item of a list is refused before it fills the memory', async (t) => {
  const readers = {
    call: (client: Awaited<ReturnType<typeof endlessServer>>['client']) =>
      client.call({ verb: 'get', path: '/a', signal: never }),
    list: (client: Awaited<ReturnType<typeof endlessServer>>['client']) =>
      client.list({ verb: 'list', path: '/a', signal: never }, (item) => item),
    watch: async (client: Awaited<ReturnType<typeof endlessServer>>['client']) => {
      for await (const line of client.lines({ verb: 'watch', path: '/a', signal: never }))
        assert.fail(line.slice(0, 99));
    },
  };
  for (const [reader, head] of [
    [readers.call, ''],
    [readers.list, ''],
    [readers.list, '{"metadata":{},"items":[{"a":"'],
    [readers.watch, '{"type":"'],
  ] as const) {
    const { client, sent } = await endlessServer(t, head);
    const error = await reader(client).catch((error: unknown) => error);
    assert.ok(error instanceof UnreadableResponse, String(error));
    assert.equal(error.transient, true);
    assert.match(error.message, /(get|list|watch) \/a at http.*larger than 32 MiB/);
    await sent.ended.promise;
    // Sockets and buffers hold some more.
    assert.ok(sent.bytes >= MAX_TEXT_CHARS && sent.bytes < MAX_TEXT_CHARS + 24 * MIB, `${sent.bytes} bytes were sent`);
  }
});

// A 403 that should end the drain with a clear error would become an endless retry.
test('an endless error response is still an error with its status code', async (t) => {
  const { client, sent } = await endlessServer(t, '', 403);
  const refused = client.call({ verb: 'get', path: '/a', signal: never });
  await assert.rejects(refused, (error) => error instanceof ApiError && error.code === 403);
  await sent.ended.promise;
});

/** Bytes of reachable heap memory, after a garbage collection. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

/** Sends a list of this many items as fast as the client reads it. */
async function sendItems(response: ServerResponse, count: number, item: string): Promise<void> {
  response.write('{"metadata":{"resourceVersion":"7"},"items":[');
  for (let sent = 0; sent < count; sent++) {
    const written = new Promise<unknown>((resolve) => response.write((sent === 0 ? '' : ',') + item, resolve));
    await written;
  }
  response.end(']}');
}

// A thousand pods with large annotations would fill the memory of the task.
test('a list of 50 MB is read item by item, and only the fields that are used stay in memory', async (t) => {
  const item = JSON.stringify({ metadata: { name: 'a', annotations: { a: 'x'.repeat(50_000) } } });
  const server = await apiServer(t, (_, response) => sendItems(response, 1_000, item));
  const client = clientOf(t, server.url, new ManualClock());
  let [maxHeap, count] = [0, 0];
  const before = heapInUse();
  const read = () => {
    if (++count % 100 === 0) maxHeap = Math.max(maxHeap, heapInUse() - before);
    return 'read';
  };
  const { items, resourceVersion } = await client.list({ verb: 'list', path: '/a', signal: never }, read);
  assert.deepEqual([items.length, resourceVersion], [1_000, '7']);
  assert.ok(maxHeap < 8 * MIB, `${Math.round(maxHeap / MIB)} MiB of heap for a list of 50 MB`);
});

// A limit on each chunk, and not on their sum, would limit nothing.
test('the limits are exact, wherever the text is split', async () => {
  const lines = new LineSplitter(4);
  assert.deepEqual([...lines.push('ab'), ...lines.push('cd\nab\n\nabc'), ...lines.push('d\n')], ['abcd', 'ab', 'abcd']);
  lines.end();
  lines.push('abcd');
  assert.throws(() => lines.push('e'), TooLarge);
  assert.throws(() => new LineSplitter(4).push('\nabcde\n'), TooLarge);

  const chunks = async function* (...texts: string[]) {
    yield* texts;
  };
  assert.equal(await textOf(chunks('ab', 'cd'), 4), 'abcd');
  await assert.rejects(textOf(chunks('ab', 'cde'), 4), TooLarge);

  const list = (item: string) => {
    const items = new ListParser((read) => read, 30);
    for (const letter of `{"items":[${item},${item}]}`) items.push(letter);
    return items.end().items.length;
  };
  assert.equal(list('{"a":"345678901234567890123"}'), 2);
  assert.throws(() => list('{"a":"345678901234567890123456"}'), TooLarge);
});

// The deletion of a pod would be lost with the incomplete line, without a new list.
test('a watch that ends in the middle of an event is an error', () => {
  const lines = new LineSplitter();
  assert.deepEqual(lines.push('{"a":1}\n{"b"'), ['{"a":1}']);
  assert.throws(() => lines.end(), /in the middle of an event/);
});

// Messages appear in logs, terminals and Events: a long one hides the error, an escape sequence rewrites the screen.
test('the message of a response is truncated and stripped of control characters', async (t) => {
  const message = `no \u001b[2J\u0007\r\n\u202egnp.exe ${'y'.repeat(1_000_000)}`;
  const server = await apiServer(t, ({ path }, response) => {
    if (path === '/status') response.writeHead(422).end(JSON.stringify({ kind: 'Status', message }));
    else if (path === '/text') response.writeHead(502).end(message);
    else response.end(message);
  });
  const client = clientOf(t, server.url, new ManualClock());
  for (const path of ['/status', '/text', '/garbage']) {
    const error = await client.call({ verb: 'get', path, signal: never }).catch((error: unknown) => error);
    assert.ok(error instanceof ApiError || error instanceof ApiUnreachable, path);
    for (const text of [error.message, explain(error)]) {
      assert.ok(text.length < 1_200, `${path}: ${text.length} characters`);
      assert.doesNotMatch(text, /[\p{Cc}\u202e]/u, path);
    }
  }
});
