import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LineSplitter, ListParser, MAX_TEXT_CHARS, TooLarge, textOf } from '../../../app/kubernetes/bodies.ts';
import { ApiError, ApiUnreachable, UnreadableResponse } from '../../../app/kubernetes/errors.ts';
import { explain } from '../../../app/lib/errors.ts';
import { apiOn, apiServer } from '../../support/api-server.ts';
import { HandClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const MIB = 1024 * 1024;

/** An API client of a server that sends pieces until its client has had enough, and how much of it got away. */
async function flooded(t: TestContext, head: string, status = 200) {
  const piece = 'x'.repeat(MIB);
  const sent = { bytes: 0, ended: Promise.withResolvers<void>() };
  const server = await apiServer(t, (_, response) => {
    response.writeHead(status).write(head);
    response.on('close', () => sent.ended.resolve());
    const more = () => {
      if (response.destroyed) return;
      sent.bytes += piece.length;
      response.write(piece, more);
    };
    more();
  });
  return { api: apiOn(t, server.url, new HandClock()), sent };
}

// A proxy that streams a video in place of an answer takes the task's 512 MB, and with them the drain.
test('an endless answer, an endless line of a watch and an endless item are refused before they take the memory', async (t) => {
  const readers = {
    call: (api: Awaited<ReturnType<typeof flooded>>['api']) => api.call({ verb: 'get', path: '/a', signal: never }),
    list: (api: Awaited<ReturnType<typeof flooded>>['api']) =>
      api.list({ verb: 'list', path: '/a', signal: never }, (item) => item),
    watch: async (api: Awaited<ReturnType<typeof flooded>>['api']) => {
      for await (const line of api.lines({ verb: 'watch', path: '/a', signal: never })) assert.fail(line.slice(0, 99));
    },
  };
  for (const [reader, head] of [
    [readers.call, ''],
    [readers.list, ''],
    [readers.list, '{"metadata":{},"items":[{"a":"'],
    [readers.watch, '{"type":"'],
  ] as const) {
    const { api, sent } = await flooded(t, head);
    const error = await reader(api).catch((error: unknown) => error);
    assert.ok(error instanceof UnreadableResponse, String(error));
    assert.equal(error.transient, true);
    assert.match(error.message, /(get|list|watch) \/a at http.*larger than 32 MiB/);
    await sent.ended.promise;
    // What was under way in sockets and buffers comes on top.
    assert.ok(sent.bytes >= MAX_TEXT_CHARS && sent.bytes < MAX_TEXT_CHARS + 24 * MIB, `${sent.bytes} bytes were sent`);
  }
});

test('a refusal that does not end is a refusal all the same', async (t) => {
  // Otherwise: a 403 that ends the drain with a clear word becomes an endless retry.
  const { api, sent } = await flooded(t, '', 403);
  const refused = api.call({ verb: 'get', path: '/a', signal: never });
  await assert.rejects(refused, (error) => error instanceof ApiError && error.code === 403);
  await sent.ended.promise;
});

/** Bytes of the heap that somebody still holds. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

/** Sends a list of this many items as fast as it is taken. */
async function sendItems(response: ServerResponse, count: number, item: string): Promise<void> {
  response.write('{"metadata":{"resourceVersion":"7"},"items":[');
  for (let sent = 0; sent < count; sent++) {
    const taken = new Promise<unknown>((resolve) => response.write((sent === 0 ? '' : ',') + item, resolve));
    await taken;
  }
  response.end(']}');
}

// A node of a thousand pods with large annotations is a node like any other.
test('a list of 50 MB is read item by item, and only what is read of it is kept', async (t) => {
  const item = JSON.stringify({ metadata: { name: 'a', annotations: { a: 'x'.repeat(50_000) } } });
  const server = await apiServer(t, (_, response) => sendItems(response, 1_000, item));
  const api = apiOn(t, server.url, new HandClock());
  let [most, count] = [0, 0];
  const before = heapInUse();
  const read = () => {
    if (++count % 100 === 0) most = Math.max(most, heapInUse() - before);
    return 'read';
  };
  const { items, resourceVersion } = await api.list({ verb: 'list', path: '/a', signal: never }, read);
  assert.deepEqual([items.length, resourceVersion], [1_000, '7']);
  assert.ok(most < 8 * MIB, `${Math.round(most / MIB)} MiB of heap for a list of 50 MB`);
});

test('the limits hold to the letter, wherever the text is cut', async () => {
  // Otherwise: the limit is one of the pieces, and not of what is put together.
  const lines = new LineSplitter(4);
  assert.deepEqual([...lines.push('ab'), ...lines.push('cd\nab\n\nabc'), ...lines.push('d\n')], ['abcd', 'ab', 'abcd']);
  lines.end();
  lines.push('abcd');
  assert.throws(() => lines.push('e'), TooLarge);
  assert.throws(() => new LineSplitter(4).push('\nabcde\n'), TooLarge);

  const pieces = async function* (...texts: string[]) {
    yield* texts;
  };
  assert.equal(await textOf(pieces('ab', 'cd'), 4), 'abcd');
  await assert.rejects(textOf(pieces('ab', 'cde'), 4), TooLarge);

  const list = (item: string) => {
    const items = new ListParser((read) => read, 30);
    for (const letter of `{"items":[${item},${item}]}`) items.push(letter);
    return items.end().items.length;
  };
  assert.equal(list('{"a":"345678901234567890123"}'), 2);
  assert.throws(() => list('{"a":"345678901234567890123456"}'), TooLarge);
});

test('a watch that ends in the middle of an event says so', () => {
  // Otherwise: the news of a pod's end is lost with the half line, and nobody lists again.
  const lines = new LineSplitter();
  assert.deepEqual(lines.push('{"a":1}\n{"b"'), ['{"a":1}']);
  assert.throws(() => lines.end(), /in the middle of an event/);
});

// What a server says goes to logs, terminals and Events: a page of it hides the error, an escape sequence rewrites the screen.
test('what an API server says is cut and cleaned before it is told', async (t) => {
  const said = `no \u001b[2J\u0007\r\n\u202egnp.exe ${'y'.repeat(1_000_000)}`;
  const server = await apiServer(t, ({ path }, response) => {
    if (path === '/status') response.writeHead(422).end(JSON.stringify({ kind: 'Status', message: said }));
    else if (path === '/text') response.writeHead(502).end(said);
    else response.end(said);
  });
  const api = apiOn(t, server.url, new HandClock());
  for (const path of ['/status', '/text', '/garbage']) {
    const error = await api.call({ verb: 'get', path, signal: never }).catch((error: unknown) => error);
    assert.ok(error instanceof ApiError || error instanceof ApiUnreachable, path);
    for (const text of [error.message, explain(error)]) {
      assert.ok(text.length < 1_200, `${path}: ${text.length} letters`);
      assert.doesNotMatch(text, /[\p{Cc}\u202e]/u, path);
    }
  }
});
