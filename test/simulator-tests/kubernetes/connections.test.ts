import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { CoreV1Api } from '@kubernetes/client-node';
import { Agent } from 'undici';
import type { KubernetesSimulator } from '../../simulator/kubernetes/simulator.ts';
import { administrator } from '../../support/administrator.ts';
import { clientOf, startTestCluster } from './test-cluster.ts';

/** The serial number of the server certificate on a new connection. */
async function serialOf({ url, ca }: KubernetesSimulator): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connectTls({ host: hostname, port: Number(port), ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

// Without it, no test can present a certificate that the kubeconfig does not trust.
test('a new certificate authority closes open connections, and only the new kubeconfig connects', async (t) => {
  const { simulator, send } = await startTestCluster(t);
  const before = simulator.ca;
  const watch = send('GET', '/api/v1/nodes?watch=1&timeoutSeconds=60');
  const broken = assert.rejects(watch);
  while (!simulator.requests.some(({ verb, status }) => verb === 'watch' && status === 200))
    await new Promise((resolve) => setImmediate(resolve));
  await simulator.rotateCertificate({ newAuthority: true });
  await broken;
  assert.notEqual(simulator.ca, before);
  for (const allowH2 of [false, true]) {
    const old = new Agent({ connect: { ca: before }, allowH2 });
    await assert.rejects(clientOf(simulator, 'admin-token', old)('GET', '/readyz'), /certificate/);
    await old.destroy();
  }
  assert.equal((await administrator(simulator).makeApiClient(CoreV1Api).listNode()).items.length, 3);
});

// A drain must not treat the renewal of a certificate as an attack.
test('a certificate of the same authority closes open connections, and the same kubeconfig reconnects', async (t) => {
  const { simulator, send } = await startTestCluster(t);
  const before = simulator.ca;
  const serial = await serialOf(simulator);
  const broken = assert.rejects(send('GET', '/api/v1/nodes?watch=1&timeoutSeconds=60'));
  while (!simulator.requests.some(({ verb, status }) => verb === 'watch' && status === 200))
    await new Promise((resolve) => setImmediate(resolve));
  await simulator.rotateCertificate();
  await broken;
  assert.equal(simulator.ca, before);
  assert.notEqual(await serialOf(simulator), serial);
  const agent = new Agent({ connect: { ca: before } });
  t.after(() => agent.destroy());
  assert.equal((await clientOf(simulator, 'admin-token', agent)('GET', '/readyz')).status, 200);
});

// A server that restarts refuses connections; a reset alone does not simulate that.
test('the server refuses connections until its port reopens with the same state', async (t) => {
  const { simulator, send } = await startTestCluster(t);
  const { hostname, port } = new URL(simulator.url);
  assert.equal((await send('GET', '/readyz')).status, 200);
  const refusal = await simulator.refuseConnections();
  await assert.rejects(once(connect(Number(port), hostname), 'connect'), { code: 'ECONNREFUSED' });
  await refusal.end();
  const agent = new Agent({ connect: { ca: simulator.ca } });
  t.after(() => agent.destroy());
  const { status, body } = await clientOf(simulator, 'admin-token', agent)('GET', '/api/v1/nodes');
  assert.equal(status, 200);
  assert.equal(Array.isArray(body['items']) && body['items'].length, 3);
});
