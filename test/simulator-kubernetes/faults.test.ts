import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { Agent } from 'undici';
import { at, clientOf, podBody, startLab } from './lab.ts';

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
