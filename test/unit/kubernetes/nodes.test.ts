import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { cordon, nodeDirectory, readNode } from '../../../app/kubernetes/nodes.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const node = { name: 'node-a', uid: 'n-1', resourceVersion: '7', providerID: '', ready: true, cordoned: false };
const object = (name: string) => ({ metadata: { name, uid: `${name}#1`, resourceVersion: '1' } });
const notFound = status(404, 'NotFound', 'nodes "node-a" not found', { name: 'node-a' });

// Without the UID in the patch, a new node with the name of the terminated one would be cordoned.
test('a cordon has the UID as a precondition and excludes the node from load balancers in the same request', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, object('node-a')));
  const client = clientOf(t, server.url, new ManualClock());
  assert.equal(await cordon(client, node, true, never), 'cordoned');
  assert.equal(await cordon(client, node, false, never), 'cordoned');
  const [first, second] = server.received.map(({ body }) => JSON.parse(body));
  const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' };
  assert.deepEqual(first, { metadata: { uid: 'n-1', labels }, spec: { unschedulable: true } });
  assert.deepEqual(second, { metadata: { uid: 'n-1' }, spec: { unschedulable: true } });
  assert.equal(server.received[0]?.headers['content-type'], 'application/merge-patch+json');
});

// A refusal that counts as 'replaced' ends the drain of a node that is still there.
test('a node that no longer exists, or whose name another node has, is replaced; any other error is thrown', async (t) => {
  const uidMismatch = 'Node "node-a" is invalid: metadata.uid: Invalid value: "n-1": field is immutable';
  const invalid = 'Node "node-a" is invalid: metadata.labels: Invalid value: "x"';
  const rbac = 'nodes "node-a" is forbidden: User "x" cannot patch resource "nodes" in API group ""';
  const responses = [
    notFound,
    status(422, 'Invalid', uidMismatch),
    status(403, 'Forbidden', rbac),
    status(422, 'Invalid', invalid),
    status(409, 'Conflict', 'the object has been modified'),
  ];
  const server = await apiServer(t, (_, response) => {
    const next = responses.shift();
    json(response, next?.code ?? 500, next);
  });
  const client = clientOf(t, server.url, new ManualClock());
  assert.equal(await cordon(client, node, true, never), 'replaced');
  assert.equal(await cordon(client, node, true, never), 'replaced');
  await assert.rejects(cordon(client, node, true, never), Denied);
  await assert.rejects(cordon(client, node, true, never), ApiError);
  await assert.rejects(cordon(client, node, true, never), ApiError);
});

// A node that does not exist completes the hook: only the API server's own 404 for its name proves that.
test('only a 404 that names the node means that it does not exist', async (t) => {
  const responses: unknown[] = [notFound, '<html>not found</html>', status(404, 'NotFound', 'no such path')];
  const server = await apiServer(t, (_, response) => json(response, 404, responses.shift()));
  const nodes = nodeDirectory(clientOf(t, server.url, new ManualClock()));
  assert.equal(await nodes.byName('node-a', never), undefined);
  await assert.rejects(nodes.byName('node-a', never), ApiError);
  await assert.rejects(nodes.byName('node-a', never), ApiError);
});

// 5,000 nodes in one response are 50 MB; a list that ends after its first page misses the node.
test('all nodes are listed page by page, to the last page', async (t) => {
  const server = await apiServer(t, ({ query }, response) => {
    const page = Number(query.get('continue') ?? '0');
    json(response, 200, {
      metadata: { resourceVersion: '1', ...(page < 2 && { continue: String(page + 1) }) },
      items: [object(`node-${page}`)],
    });
  });
  const names: string[] = [];
  for await (const page of nodeDirectory(clientOf(t, server.url, new ManualClock())).all(never)) {
    names.push(...page.map(({ name }) => name));
  }
  assert.deepEqual(names, ['node-0', 'node-1', 'node-2']);
  assert.ok(server.received.every(({ query }) => query.get('limit') === '250'));
});

// A node that has just registered has no provider ID yet: an error would end the search for another node.
test('a node without a provider ID has an empty one', () => {
  assert.equal(readNode({ metadata: { uid: 'u', name: 'a' } }).providerID, '');
  assert.equal(readNode({ metadata: { uid: 'u', name: 'a' }, spec: {} }).providerID, '');
  assert.equal(
    readNode({ metadata: { uid: 'u', name: 'a' }, spec: { providerID: 'kind://x' } }).providerID,
    'kind://x',
  );
});

// The error page of a proxy, or half an event, would become a node without a UID.
test('an object that is not a node is refused', () => {
  for (const object of [undefined, null, 'text', {}, { metadata: {} }, { metadata: { name: 'a' } }]) {
    assert.throws(() => readNode(object));
  }
});
