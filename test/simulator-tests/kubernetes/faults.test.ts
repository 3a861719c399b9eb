import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { Agent } from 'undici';
import { garbage } from '../../simulator/faults.ts';
import { at, clientOf, eventually, items, podBody, startTestCluster } from './test-cluster.ts';

// A fault that hits other requests makes a test meaningless.
test('a rule hits only matching requests, as often as configured', async (t) => {
  const cluster = await startTestCluster(t);
  const rule = cluster.simulator.faults.add({
    when: ({ path }) => path === '/api/v1/nodes',
    times: 2,
    every: 2,
    fault: { kind: 'status', status: 429, headers: { 'retry-after': '1' }, body: '{}' },
  });
  const statuses: number[] = [];
  for (let count = 0; count < 6; count += 1) statuses.push((await cluster.send('GET', '/api/v1/nodes')).status);
  assert.deepEqual(statuses, [200, 429, 200, 429, 200, 200]);
  assert.equal(rule.hits(), 2);
  assert.equal((await cluster.send('GET', '/api/v1/pods')).status, 200);
});

// A drain must not assume that an eviction failed because its response was lost.
test('the server executes a request whose response is lost', async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.runningPod('default', podBody('a', { annotations: { 'lab/shutdown-ms': 'never' } }));
  cluster.simulator.faults.add({
    when: ({ path }) => path.endsWith('/eviction'),
    times: 1,
    fault: { kind: 'after', fault: 'reset' },
  });
  await assert.rejects(cluster.evict('default', 'a'));
  const { body } = await cluster.send('GET', '/api/v1/namespaces/default/pods/a');
  assert.equal(typeof at(body, 'metadata', 'deletionTimestamp'), 'string');
});

// A client must not treat half a response as complete.
test('half a response breaks the connection, over HTTP/1.1 and HTTP/2', async (t) => {
  const cluster = await startTestCluster(t);
  cluster.simulator.faults.add({ when: ({ path }) => path === '/api/v1/nodes', fault: { kind: 'half-body' } });
  for (const allowH2 of [false, true]) {
    const agent = new Agent({ connect: { ca: cluster.simulator.ca }, allowH2 });
    const send = clientOf(cluster.simulator, 'admin-token', agent);
    assert.equal((await send('GET', '/api/v1/pods')).status, 200);
    await assert.rejects(send('GET', '/api/v1/nodes'));
    await agent.destroy();
  }
});

// Open watches must not survive an outage.
test('an outage resets open streams and every new request until it ends', async (t) => {
  const cluster = await startTestCluster(t);
  const session = connect(cluster.simulator.url, { ca: cluster.simulator.ca });
  t.after(async () => session.destroy());
  const stream = session.request({ ':path': '/api/v1/nodes?watch=1', authorization: 'Bearer admin-token' });
  await once(stream, 'data');
  const broken = once(stream, 'error');
  const outage = cluster.simulator.faults.outage();
  await broken;
  await assert.rejects(cluster.send('GET', '/readyz'));
  outage.end();
  assert.equal((await cluster.send('GET', '/readyz')).status, 200);
});

// Invalid watch data must not crash a drain.
test('a watch can send garbage after some events, and continue or end', async (t) => {
  const cluster = await startTestCluster(t, { watchTimeoutMs: 50 });
  const path = '/api/v1/nodes?watch=1';
  const lines = async (text: string, more: { after?: number; end?: boolean }): Promise<string[]> => {
    const isWatch = ({ query }: { query: URLSearchParams }): boolean => query.has('watch');
    cluster.simulator.faults.add({ when: isWatch, times: 1, fault: { kind: 'garbage', text, ...more } });
    return (await cluster.send('GET', path)).text.split('\n').map((line) => line.slice(0, 15));
  };
  const added = '{"type":"ADDED"';
  const html = '<html>502 Bad G';
  assert.deepEqual(await lines(garbage.notJson, { after: 1 }), [added, html, added, added, '']);
  assert.deepEqual(await lines(garbage.unknownType, {}), ['{"type":"STRANG', added, added, added, '']);
  assert.deepEqual(await lines(garbage.halfLine, { after: 2, end: true }), [added, added, '{"type":"MODIFI']);
  assert.deepEqual(await lines(garbage.notJson, { after: 4 }), [added, added, added, ''], 'the watch has fewer events');
  assert.equal((await cluster.watch(path)).length, 3, 'the next watch has no fault');
});

// Real watches break in the middle, not only at their start.
test('open watches can receive garbage at any time, over HTTP/1.1 and HTTP/2', async (t) => {
  const cluster = await startTestCluster(t);
  for (const allowH2 of [false, true]) {
    const agent = new Agent({ connect: { ca: cluster.simulator.ca }, allowH2 });
    const send = clientOf(cluster.simulator, 'admin-token', agent);
    const opened = cluster.simulator.requests.length + 1;
    const version = await cluster.version('/api/v1/nodes');
    const watched = send('GET', `/api/v1/nodes?watch=1&resourceVersion=${version}`);
    await eventually(
      async () => (cluster.simulator.requests[opened]?.status === 200 ? true : undefined),
      'the watch to open',
    );
    cluster.simulator.garbleWatches(garbage.notJson);
    cluster.simulator.dropWatches();
    assert.equal((await watched).text, garbage.notJson);
    await agent.destroy();
  }
});

// A drain must not treat an invalid list as an empty cluster.
test('a response can be replaced by garbage, or padded to any size', async (t) => {
  const cluster = await startTestCluster(t);
  const isNodes = ({ path }: { path: string }): boolean => path === '/api/v1/nodes';
  cluster.simulator.faults.add({ when: isNodes, times: 1, fault: { kind: 'garbage', text: garbage.notJson } });
  const replaced = await cluster.send('GET', '/api/v1/nodes');
  assert.deepEqual([replaced.status, replaced.text], [200, garbage.notJson]);
  cluster.simulator.faults.add({ when: isNodes, times: 1, fault: { kind: 'padding', bytes: 50_000_000 } });
  const large = await cluster.send('GET', '/api/v1/nodes');
  assert.ok(large.text.length > 50_000_000);
  assert.equal(items(large).length, 3);
});
