import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { observeNode } from '../../../app/kubernetes/nodes.ts';
import { Denied } from '../../../app/lib/errors.ts';
import type { NodeRef } from '../../../app/run/find-node.ts';
import { apiOn, apiServer, json, status } from '../../support/api-server.ts';
import { nodeOf } from '../../support/run-fixture.ts';
import { testContext } from '../../support/test-context.ts';

const object = (uid: string, ready: string | undefined, resourceVersion = '8') => ({
  metadata: { name: 'node-a', uid, resourceVersion },
  status: {
    conditions: [{ type: 'DiskPressure', status: 'True' }, ...(ready ? [{ type: 'Ready', status: ready }] : [])],
  },
});
const event = (type: string, of: object) => `${JSON.stringify({ type, object: of })}\n`;
const ended = Symbol('ended');

/** What is told of a node whose one watch says this; then the API denies. */
async function toldOf(t: TestContext, ...events: string[]) {
  const { clock, context } = testContext();
  const rbac = 'nodes is forbidden: User "x" cannot list resource "nodes" in API group "" at the cluster scope';
  const server = await apiServer(t, ({ query }, response) => {
    if (query.get('watch') === '1') response.end(events.join(''));
    else json(response, 403, status(403, 'Forbidden', rbac));
  });
  const told: string[] = [];
  const say = (what: string) => (node: NodeRef | undefined) => {
    told.push(`${what} ${node?.uid} ${node?.ready ? 'ready' : 'not ready'}`);
  };
  const sink = { set: say('is'), remove: say('gone'), replace: ([node]: readonly NodeRef[]) => say('listed')(node) };
  const observed = observeNode(apiOn(t, server.url, clock), nodeOf('node-a', 'i-1'), sink, context);
  const end = observed.catch((error: unknown) => ({ [ended]: error }));
  let over: { [ended]: unknown } | undefined;
  end.then((value) => {
    over = value;
  });
  while (over === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(500);
  }
  assert.ok(over[ended] instanceof Denied);
  return { told, received: server.received };
}

// In a cluster of 5,000 nodes a watch of all of them is a heartbeat every few milliseconds.
test('one node is watched, from the version on at which it was found', async (t) => {
  const { told, received } = await toldOf(t);
  assert.deepEqual(told, ['is n-1 ready']);
  const { path, query } = received[0] ?? assert.fail('nothing was asked');
  assert.equal(path, '/api/v1/nodes');
  assert.equal(query.get('fieldSelector'), 'metadata.name=node-a');
  assert.deepEqual([query.get('watch'), query.get('resourceVersion')], ['1', '1']);
});

// "Unknown" is what the control plane says of a kubelet that it hears nothing of: a machine that crashed.
test('it is told whenever the node is ready, not ready, not heard of, another, or gone', async (t) => {
  const { told } = await toldOf(
    t,
    event('MODIFIED', object('n-1', 'False')),
    event('MODIFIED', object('n-1', 'True')),
    event('MODIFIED', object('n-1', 'Unknown')),
    event('MODIFIED', object('n-1', undefined)),
    event('DELETED', object('n-1', 'Unknown')),
    event('ADDED', object('n-2', 'True')),
  );
  assert.deepEqual(told, [
    'is n-1 ready',
    'is n-1 not ready',
    'is n-1 ready',
    'is n-1 not ready',
    'is n-1 not ready',
    'gone n-1 not ready',
    'is n-2 ready',
  ]);
});
