import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { cordon, nodeDirectory } from '../../../app/kubernetes/nodes.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiOn, apiServer, json, status } from '../../support/api-server.ts';
import { HandClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const node = { name: 'node-a', uid: 'n-1', resourceVersion: '7', providerID: '', ready: true, cordoned: false };
const object = (name: string) => ({ metadata: { name, uid: `${name}#1`, resourceVersion: '1' } });
const notFound = status(404, 'NotFound', 'nodes "node-a" not found', { name: 'node-a' });

// Without the UID in the patch, a node that took over the name within minutes is cordoned for the dead one.
test('a node is cordoned by its UID, and excluded from load balancers in the same request', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, object('node-a')));
  const api = apiOn(t, server.url, new HandClock());
  assert.equal(await cordon(api, node, true, never), 'cordoned');
  assert.equal(await cordon(api, node, false, never), 'cordoned');
  const [first, second] = server.received.map(({ body }) => JSON.parse(body));
  const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' };
  assert.deepEqual(first, { metadata: { uid: 'n-1', labels }, spec: { unschedulable: true } });
  assert.deepEqual(second, { metadata: { uid: 'n-1' }, spec: { unschedulable: true } });
  assert.equal(server.received[0]?.headers['content-type'], 'application/merge-patch+json');
});

test('a node that is gone, or another by now, is replaced; any other refusal is none', async (t) => {
  const another = 'Node "node-a" is invalid: metadata.uid: Invalid value: "n-1": field is immutable';
  const invalid = 'Node "node-a" is invalid: metadata.labels: Invalid value: "x"';
  const rbac = 'nodes "node-a" is forbidden: User "x" cannot patch resource "nodes" in API group ""';
  const answers = [
    notFound,
    status(422, 'Invalid', another),
    status(403, 'Forbidden', rbac),
    status(422, 'Invalid', invalid),
    status(409, 'Conflict', 'the object has been modified'),
  ];
  const server = await apiServer(t, (_, response) => {
    const answer = answers.shift();
    json(response, answer?.code ?? 500, answer);
  });
  const api = apiOn(t, server.url, new HandClock());
  assert.equal(await cordon(api, node, true, never), 'replaced');
  assert.equal(await cordon(api, node, true, never), 'replaced');
  await assert.rejects(cordon(api, node, true, never), Denied);
  await assert.rejects(cordon(api, node, true, never), ApiError);
  await assert.rejects(cordon(api, node, true, never), ApiError);
});

// "No such node" completes the hook: only the API server's own 404 on this name may say so.
test('only the 404 on its name says that there is no such node', async (t) => {
  const answers: unknown[] = [notFound, '<html>not found</html>', status(404, 'NotFound', 'no such path')];
  const server = await apiServer(t, (_, response) => json(response, 404, answers.shift()));
  const nodes = nodeDirectory(apiOn(t, server.url, new HandClock()));
  assert.equal(await nodes.byName('node-a', never), undefined);
  await assert.rejects(nodes.byName('node-a', never), ApiError);
  await assert.rejects(nodes.byName('node-a', never), ApiError);
});

// A cluster of 5,000 nodes in one answer is 50 MB; and a list that ends at its first page misses the node.
test('all nodes come page by page, to the last', async (t) => {
  const server = await apiServer(t, ({ query }, response) => {
    const page = Number(query.get('continue') ?? '0');
    json(response, 200, {
      metadata: { resourceVersion: '1', ...(page < 2 && { continue: String(page + 1) }) },
      items: [object(`node-${page}`)],
    });
  });
  const names: string[] = [];
  for await (const page of nodeDirectory(apiOn(t, server.url, new HandClock())).all(never)) {
    names.push(...page.map(({ name }) => name));
  }
  assert.deepEqual(names, ['node-0', 'node-1', 'node-2']);
  assert.ok(server.received.every(({ query }) => query.get('limit') === '250'));
});
