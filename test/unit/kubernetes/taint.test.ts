import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { taint } from '../../../app/kubernetes/nodes.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiOn, apiServer, json, status } from '../../support/api-server.ts';
import { HandClock } from '../../support/clock.ts';
import { nodeOf } from '../../support/run-fixture.ts';

const never = new AbortController().signal;
const OURS = { key: 'node-drainer/terminating', effect: 'NoSchedule' };
const THEIRS = { key: 'gpu', value: 'a100', effect: 'NoExecute', timeAdded: '2026-01-02T03:04:05Z' };

type Taint = Readonly<Record<string, string>>;

/** A node whose version is compared on each write, and that others change while we look, `conflicts` times. */
async function serving(t: TestContext, taints: readonly Taint[] | undefined, conflicts = 0) {
  const node = { uid: 'n-1', version: 7, taints };
  let others = conflicts;
  const server = await apiServer(t, ({ method, body }, response) => {
    if (method === 'PATCH') {
      if (others-- > 0) node.version++;
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
  const api = apiOn(t, server.url, new HandClock());
  return { node, server, add: () => taint(api, nodeOf('node-a', 'i-1'), never) };
}

// A list in a merge patch replaces the whole list: the taints of others would be gone, and pods would come in their place.
test('our taint is added to those of others', async (t) => {
  const { node, server, add } = await serving(t, [THEIRS]);
  assert.equal(await add(), 'tainted');
  assert.deepEqual(node.taints, [THEIRS, OURS]);
  const bare = await serving(t, undefined);
  assert.equal(await bare.add(), 'tainted');
  assert.deepEqual(bare.node.taints, [OURS]);
  assert.equal(server.received.at(-1)?.headers['content-type'], 'application/merge-patch+json');
});

test('a node that has it already is not written to', async (t) => {
  const { server, add } = await serving(t, [OURS, THEIRS]);
  assert.equal(await add(), 'tainted');
  assert.deepEqual(
    server.received.map(({ method }) => method),
    ['GET'],
  );
});

// The node controller taints a node that is going at the same moment: its taint must not be lost to ours.
test('a node that somebody changes in between is read again', async (t) => {
  const { node, add } = await serving(t, [THEIRS], 3);
  assert.equal(await add(), 'tainted');
  assert.deepEqual(node.taints, [THEIRS, OURS]);
});

// A final failure here leaves the hook alone and the node undrained, for a race that is over a second later.
test('conflict after conflict is a failure that may pass', async (t) => {
  const { node, add } = await serving(t, [THEIRS], 100);
  await assert.rejects(add(), { transient: true });
  assert.deepEqual(node.taints, [THEIRS]);
});

test('a node that is gone, or another by now, is replaced, and not written to', async (t) => {
  const { node, server, add } = await serving(t, []);
  node.uid = 'n-2';
  assert.equal(await add(), 'replaced');
  assert.ok(server.received.every(({ method }) => method === 'GET'));
  const notFound = status(404, 'NotFound', 'nodes "node-a" not found', { name: 'node-a' });
  const rbac = 'nodes "node-a" is forbidden: User "x" cannot patch resource "nodes" in API group ""';
  const answers = [notFound, status(404, 'NotFound', 'no such path'), status(403, 'Forbidden', rbac)];
  const other = await apiServer(t, (_, response) => {
    const answer = answers.shift();
    json(response, answer?.code ?? 500, answer);
  });
  const api = apiOn(t, other.url, new HandClock());
  const again = () => taint(api, nodeOf('node-a', 'i-1'), never);
  assert.equal(await again(), 'replaced');
  await assert.rejects(again(), ApiError);
  await assert.rejects(again(), Denied);
});
