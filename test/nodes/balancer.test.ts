import assert from 'node:assert/strict';
import { createServer, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { EXCLUSION } from '../cluster/nodes.ts';
import { eventually } from '../cluster/poll.ts';
import { Balancer, type Target } from './balancer.ts';

/** Two nodes on this machine, each with a server on the same port that answers with its address. */
async function twoNodes(t: TestContext) {
  const addresses = ['127.0.0.2', '127.0.0.3'];
  let nodePort = 0;
  for (const address of addresses) {
    const server = createServer((request, response) => {
      // Until the test has ended.
      if (request.url === '/slow') response.write(address);
      else response.end(address);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(nodePort, address, resolve);
    });
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const listening = server.address();
    assert.ok(typeof listening === 'object' && listening !== null);
    nodePort = listening.port;
  }
  const labels = new Map<string, Record<string, string>>(addresses.map((address) => [address, {}]));
  const nodes = async (): Promise<Target[]> =>
    addresses.map((address) => ({
      name: address,
      address,
      providerID: '',
      labels: labels.get(address) ?? {},
      taints: [],
      deleting: false,
    }));
  return { nodePort, nodes, exclude: (address: string) => labels.set(address, { [EXCLUSION]: 'true' }) };
}

async function open(t: TestContext, options: { deregistrationMs?: number; unhealthyMs?: number } = {}) {
  const { nodePort, nodes, exclude } = await twoNodes(t);
  const balancer = await Balancer.start({ service: 'shop/web', nodePort, nodes, ...options });
  t.after(() => balancer.close());
  return { balancer, exclude };
}

/** On a connection of its own. */
function answers(balancer: Balancer, path = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(`${balancer.url}${path}`, { agent: false, timeout: 300 }, (response) => {
      text(response).then(resolve, reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', reject);
  });
}

// A benchmark whose load balancer lets go at once finds no fault in whoever does not wait for it.
test('a node that is excluded gets new connections until its deregistration is over', async (t) => {
  const { balancer, exclude } = await open(t, { deregistrationMs: 400 });
  assert.deepEqual([await answers(balancer), await answers(balancer)].sort(), ['127.0.0.2', '127.0.0.3']);
  exclude('127.0.0.2');
  const excludedAt = Date.now();
  await eventually('it is no target any more', () => balancer.targets.length === 1 || undefined, 5_000);
  assert.ok(Date.now() - excludedAt >= 400, 'not at once');
  assert.deepEqual([await answers(balancer), await answers(balancer)], ['127.0.0.3', '127.0.0.3']);
});

// A dead machine that refuses connections is kinder than a real one: clients wait in vain.
test('a dead node answers nothing, and gets nothing more once its health checks have failed', async (t) => {
  const { balancer } = await open(t, { unhealthyMs: 600 });
  const slow = Promise.allSettled([answers(balancer, 'slow'), answers(balancer, 'slow')]);
  balancer.dies('127.0.0.2');
  const [first, second] = await Promise.allSettled([answers(balancer), answers(balancer)]);
  assert.deepEqual([first, second].map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  for (const result of await slow) assert.equal(result.status, 'rejected');
  await eventually('it is no target any more', () => balancer.targets.length === 1 || undefined, 5_000);
  assert.deepEqual([await answers(balancer), await answers(balancer)], ['127.0.0.3', '127.0.0.3']);
});
