import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { observeNode } from '../../../app/kubernetes/nodes.ts';
import { Denied } from '../../../app/lib/errors.ts';
import type { NodeRef } from '../../../app/run/find-node.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { nodeOf } from '../../support/run-fixture.ts';
import { testContext } from '../../support/test-context.ts';

const object = (uid: string, ready: string | undefined, resourceVersion = '8') => ({
  metadata: { name: 'node-a', uid, resourceVersion },
  status: {
    conditions: [{ type: 'DiskPressure', status: 'True' }, ...(ready ? [{ type: 'Ready', status: ready }] : [])],
  },
});
const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
const ended = Symbol('ended');

/** What the sink receives from one watch with these events, which ends with a denial. */
async function observed(t: TestContext, ...events: string[]) {
  const { clock, context } = testContext();
  const rbac = 'nodes is forbidden: User "x" cannot list resource "nodes" in API group "" at the cluster scope';
  const server = await apiServer(t, ({ query }, response) => {
    if (query.get('watch') === '1') response.end(events.join(''));
    else json(response, 403, status(403, 'Forbidden', rbac));
  });
  const changes: string[] = [];
  const change = (kind: string) => (node: NodeRef | undefined) => {
    changes.push(`${kind} ${node?.uid} ${node?.ready}`);
  };
  const sink = {
    set: change('set'),
    remove: change('removed'),
    replace: ([node]: readonly NodeRef[]) => change('replaced')(node),
  };
  const observing = observeNode(clientOf(t, server.url, clock), nodeOf('node-a', 'i-1'), sink, context);
  const end = observing.catch((error: unknown) => ({ [ended]: error }));
  let over: { [ended]: unknown } | undefined;
  end.then((value) => {
    over = value;
  });
  while (over === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(500);
  }
  assert.ok(over[ended] instanceof Denied);
  return { changes, received: server.received };
}

// In a cluster of 5,000 nodes, a watch of all of them is an event every few milliseconds.
test('only one node is watched, from the version at which it was found', async (t) => {
  const { changes, received } = await observed(t);
  assert.deepEqual(changes, ['set n-1 True']);
  const { path, query } = received[0] ?? assert.fail('no request');
  assert.equal(path, '/api/v1/nodes');
  assert.equal(query.get('fieldSelector'), 'metadata.name=node-a');
  assert.deepEqual([query.get('watch'), query.get('resourceVersion')], ['1', '1']);
});

// "False" is the word of a living kubelet, whose pods still get their SIGTERM. Only "Unknown" means that it no longer reports, as after
// a crash; the drain must not wait for its pods.
// kubernetes: pkg/controller/nodelifecycle/node_lifecycle_controller.go (tryUpdateNodeHealth)
test('the sink receives every change: ready, not ready, unknown, deleted, and another node of that name', async (t) => {
  const { changes } = await observed(
    t,
    event('MODIFIED', object('n-1', 'False')),
    event('MODIFIED', object('n-1', 'True')),
    event('MODIFIED', object('n-1', 'Unknown')),
    event('MODIFIED', object('n-1', undefined)),
    event('DELETED', object('n-1', 'Unknown')),
    event('ADDED', object('n-2', 'True')),
  );
  assert.deepEqual(changes, [
    'set n-1 True',
    'set n-1 False',
    'set n-1 True',
    'set n-1 Unknown',
    'set n-1 Unknown',
    'removed n-1 Unknown',
    'set n-2 True',
  ]);
});
