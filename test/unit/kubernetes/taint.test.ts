import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { taint } from '../../../app/kubernetes/node-marks.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { nodeOf } from '../../support/run-fixture.ts';

const never = new AbortController().signal;
const TERMINATING = { key: 'node-drainer/terminating', effect: 'NoSchedule' };
const GPU = { key: 'gpu', value: 'a100', effect: 'NoExecute', timeAdded: '2026-01-02T03:04:05Z' };

type Taint = Readonly<Record<string, string>>;

/** A node with optimistic concurrency, which another client changes between read and write, `conflicts` times. */
async function nodeServer(t: TestContext, taints: readonly Taint[] | undefined, conflicts = 0) {
  const node = { uid: 'n-1', version: 7, taints };
  let conflictsLeft = conflicts;
  const server = await apiServer(t, ({ method, body }, response) => {
    if (method === 'PATCH') {
      if (conflictsLeft-- > 0) node.version++;
      const patch = JSON.parse(body);
      if (patch.metadata.resourceVersion !== String(node.version)) {
        return json(response, 409, status(409, 'Conflict', 'the object has been modified'));
      }
      node.taints = patch.spec.taints;
      node.version++;
    }
    const metadata = { name: 'node-a', uid: node.uid, resourceVersion: String(node.version) };
    json(response, 200, { metadata, spec: { ...(node.taints && { taints: node.taints }) } });
  });
  const client = clientOf(t, server.url, new ManualClock());
  return { node, server, add: () => taint(client, nodeOf('node-a', 'i-1'), never) };
}

// A list in a merge patch replaces the whole list: without the other taints, other pods could be scheduled to the node.
test('the taint is added to the existing ones', async (t) => {
  const { node, server, add } = await nodeServer(t, [GPU]);
  assert.equal(await add(), 'tainted');
  assert.deepEqual(node.taints, [GPU, TERMINATING]);
  const untainted = await nodeServer(t, undefined);
  assert.equal(await untainted.add(), 'tainted');
  assert.deepEqual(untainted.node.taints, [TERMINATING]);
  assert.equal(server.received.at(-1)?.headers['content-type'], 'application/merge-patch+json');
});

// A successor task would rewrite the node, and cause conflicts for other controllers.
test('a node that has the taint is not changed', async (t) => {
  const { server, add } = await nodeServer(t, [TERMINATING, GPU]);
  assert.equal(await add(), 'tainted');
  assert.deepEqual(
    server.received.map(({ method }) => method),
    ['GET'],
  );
});

// The node controller taints a terminating node at the same time: its taint must not be overwritten.
test('after a conflict the node is read again', async (t) => {
  const { node, add } = await nodeServer(t, [GPU], 3);
  assert.equal(await add(), 'tainted');
  assert.deepEqual(node.taints, [GPU, TERMINATING]);
});

// A permanent failure would fail the drain for a race that is over a second later.
test('repeated conflicts are a transient error', async (t) => {
  const { node, add } = await nodeServer(t, [GPU], 100);
  await assert.rejects(add(), { transient: true });
  assert.deepEqual(node.taints, [GPU]);
});

// The taint would land on a new node that was registered under the same name.
test('a node that no longer exists, or whose name another node has, is replaced and not changed', async (t) => {
  const { node, server, add } = await nodeServer(t, []);
  node.uid = 'n-2';
  assert.equal(await add(), 'replaced');
  assert.ok(server.received.every(({ method }) => method === 'GET'));
  const notFound = status(404, 'NotFound', 'nodes "node-a" not found', { name: 'node-a' });
  const rbac = 'nodes "node-a" is forbidden: User "x" cannot patch resource "nodes" in API group ""';
  const responses = [notFound, status(404, 'NotFound', 'no such path'), status(403, 'Forbidden', rbac)];
  const refusing = await apiServer(t, (_, response) => {
    const next = responses.shift();
    json(response, next?.code ?? 500, next);
  });
  const client = clientOf(t, refusing.url, new ManualClock());
  const taintAgain = () => taint(client, nodeOf('node-a', 'i-1'), never);
  assert.equal(await taintAgain(), 'replaced');
  await assert.rejects(taintAgain(), ApiError);
  await assert.rejects(taintAgain(), Denied);
});
