import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { call, callerIdentity, started } from './account.ts';

// Clients handle a refused connection differently from a reset.
test('the server refuses connections until its port reopens', async (t) => {
  const aws = await started(t);
  const { hostname, port } = new URL(aws.url);
  const refused = () =>
    assert.rejects(once(connect(Number(port), hostname), 'connect'), { code: 'ECONNREFUSED' }, 'the port is closed');
  aws.faults.add({ when: () => true, times: 1, fault: { kind: 'hang' } });
  const cut = assert.rejects(call(aws, callerIdentity), { code: 'ECONNRESET' });
  while (aws.requests.length < 1) await new Promise((resolve) => setImmediate(resolve));
  const refusal = await aws.refuseConnections();
  await cut;
  await refused();
  await refusal.end();
  assert.equal((await call(aws, callerIdentity)).status, 200);
  const last = await aws.refuseConnections();
  await aws.stop();
  await last.end();
  await refused();
});
