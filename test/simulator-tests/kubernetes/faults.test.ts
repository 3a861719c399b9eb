import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { Agent } from 'undici';
import { garbage } from '../../simulator/faults.ts';
import { at, clientOf, eventually, items, podBody, startLab } from './test-cluster.ts';

// Prevents: faults that hit other requests than those meant, so that a test proves nothing.
test('a rule hits what it matches, as often as it says', async (t) => {
  const lab = await startLab(t);
  const rule = lab.simulator.faults.add({
    when: ({ path }) => path === '/api/v1/nodes',
    times: 2,
    every: 2,
    fault: { kind: 'status', status: 429, headers: { 'retry-after': '1' }, body: '{}' },
  });
  const statuses: number[] = [];
  for (let count = 0; count < 6; count += 1) statuses.push((await lab.send('GET', '/api/v1/nodes')).status);
  assert.deepEqual(statuses, [200, 429, 200, 429, 200, 200]);
  assert.equal(rule.hits(), 2);
  assert.equal((await lab.send('GET', '/api/v1/pods')).status, 200);
});

// Prevents: an eviction whose answer was lost, taken for one that did not happen.
test('a lost answer means that the work was done all the same', async (t) => {
  const lab = await startLab(t);
  await lab.runningPod('default', podBody('a', { annotations: { 'lab/shutdown-ms': 'never' } }));
  lab.simulator.faults.add({
    when: ({ path }) => path.endsWith('/eviction'),
    times: 1,
    fault: { kind: 'after', fault: 'reset' },
  });
  await assert.rejects(lab.evict('default', 'a'));
  const { body } = await lab.send('GET', '/api/v1/namespaces/default/pods/a');
  assert.equal(typeof at(body, 'metadata', 'deletionTimestamp'), 'string');
});

// Prevents: half an answer that is taken for a whole one.
test('half a body is a broken connection, over HTTP/1.1 and HTTP/2', async (t) => {
  const lab = await startLab(t);
  lab.simulator.faults.add({ when: ({ path }) => path === '/api/v1/nodes', fault: { kind: 'half-body' } });
  for (const allowH2 of [false, true]) {
    const agent = new Agent({ connect: { ca: lab.simulator.ca }, allowH2 });
    const send = clientOf(lab.simulator, 'admin-token', agent);
    assert.equal((await send('GET', '/api/v1/pods')).status, 200);
    await assert.rejects(send('GET', '/api/v1/nodes'));
    await agent.destroy();
  }
});

// Prevents: an outage that open watches survive.
test('an outage resets what is open and every new request, until it ends', async (t) => {
  const lab = await startLab(t);
  const session = connect(lab.simulator.url, { ca: lab.simulator.ca });
  t.after(async () => session.destroy());
  const stream = session.request({ ':path': '/api/v1/nodes?watch=1', authorization: 'Bearer admin-token' });
  await once(stream, 'data');
  const broken = once(stream, 'error');
  const outage = lab.simulator.faults.outage();
  await broken;
  await assert.rejects(lab.send('GET', '/readyz'));
  outage.end();
  assert.equal((await lab.send('GET', '/readyz')).status, 200);
});

// Prevents: a watch that dies of what no API server sends, and takes the drain with it.
test('a watch can send garbage after some events, and go on or end', async (t) => {
  const lab = await startLab(t, { watchTimeoutMs: 50 });
  const path = '/api/v1/nodes?watch=1';
  const lines = async (text: string, more: { after?: number; end?: boolean }): Promise<string[]> => {
    const isWatch = ({ query }: { query: URLSearchParams }): boolean => query.has('watch');
    lab.simulator.faults.add({ when: isWatch, times: 1, fault: { kind: 'garbage', text, ...more } });
    return (await lab.send('GET', path)).text.split('\n').map((line) => line.slice(0, 15));
  };
  const added = '{"type":"ADDED"';
  const html = '<html>502 Bad G';
  assert.deepEqual(await lines(garbage.notJson, { after: 1 }), [added, html, added, added, '']);
  assert.deepEqual(await lines(garbage.unknownType, {}), ['{"type":"STRANG', added, added, added, '']);
  assert.deepEqual(await lines(garbage.halfLine, { after: 2, end: true }), [added, added, '{"type":"MODIFI']);
  assert.deepEqual(await lines(garbage.notJson, { after: 4 }), [added, added, added, ''], 'it never came so far');
  assert.equal((await lab.watch(path)).length, 3, 'the next watch is whole again');
});

// Prevents: a fault that can only be had when a watch begins, while it is its middle that breaks.
test('open watches can be garbled at any moment, over HTTP/1.1 and HTTP/2', async (t) => {
  const lab = await startLab(t);
  for (const allowH2 of [false, true]) {
    const agent = new Agent({ connect: { ca: lab.simulator.ca }, allowH2 });
    const send = clientOf(lab.simulator, 'admin-token', agent);
    const opened = lab.simulator.requests.length + 1;
    const version = await lab.version('/api/v1/nodes');
    const watched = send('GET', `/api/v1/nodes?watch=1&resourceVersion=${version}`);
    await eventually(
      async () => (lab.simulator.requests[opened]?.status === 200 ? true : undefined),
      'the watch to open',
    );
    lab.simulator.garbleWatches(garbage.notJson);
    lab.simulator.dropWatches();
    assert.equal((await watched).text, garbage.notJson);
    await agent.destroy();
  }
});

// Prevents: a list that is not what was asked for, taken for an empty cluster.
test('an answer can be replaced by garbage, or be as large as one likes', async (t) => {
  const lab = await startLab(t);
  const isNodes = ({ path }: { path: string }): boolean => path === '/api/v1/nodes';
  lab.simulator.faults.add({ when: isNodes, times: 1, fault: { kind: 'garbage', text: garbage.notJson } });
  const replaced = await lab.send('GET', '/api/v1/nodes');
  assert.deepEqual([replaced.status, replaced.text], [200, garbage.notJson]);
  lab.simulator.faults.add({ when: isNodes, times: 1, fault: { kind: 'padding', bytes: 50_000_000 } });
  const large = await lab.send('GET', '/api/v1/nodes');
  assert.ok(large.text.length > 50_000_000);
  assert.equal(items(large).length, 3);
});
