import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { cordon, exclude } from '../../../app/kubernetes/node-marks.ts';
import { nodeDirectory, readNode } from '../../../app/kubernetes/nodes.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { nodeOf } from '../../support/run-fixture.ts';

const never = new AbortController().signal;
const node = nodeOf('node-a', 'i-1');
const EXCLUSION = 'node.kubernetes.io/exclude-from-external-load-balancers';
const object = (name: string) => ({ metadata: { name, uid: `${name}#1`, resourceVersion: '1' } });
const notFound = status(404, 'NotFound', 'nodes "node-a" not found', { name: 'node-a' });

// Without the UID in the patch, a new node with the name of the terminated one would be cordoned. Without the annotation, nobody knows
// later that the label is the drainer's, and `undo` leaves the node without its load balancers.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers
test('a cordon has the UID as a precondition and excludes the node from load balancers in the same request', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, object('node-a')));
  const client = clientOf(t, server.url, new ManualClock());
  const cordoned = await cordon(client, node, { exclude: true, marks: true }, never);
  assert.ok(cordoned !== 'replaced' && cordoned.uid === 'node-a#1');
  assert.notEqual(await cordon(client, node, { exclude: false, marks: true }, never), 'replaced');
  const [first, second] = server.received.map(({ body }) => JSON.parse(body));
  const labels = { [EXCLUSION]: 'true' };
  const cordonedByUs = { 'node-drainer/cordoned': 'true' };
  const annotations = { ...cordonedByUs, 'node-drainer/excluded-from-load-balancers': 'true' };
  const asRead = { uid: 'n-1', resourceVersion: '1' };
  assert.deepEqual(first, { metadata: { ...asRead, labels, annotations }, spec: { unschedulable: true } });
  assert.deepEqual(second, { metadata: { ...asRead, annotations: cordonedByUs }, spec: { unschedulable: true } });
  assert.equal(server.received[0]?.headers['content-type'], 'application/merge-patch+json');
});

// A person who took the node out of its load balancers would find it back in them after `undo`.
test('a label that is already there stays that of whoever set it', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, object('node-a')));
  const client = clientOf(t, server.url, new ManualClock());
  const excluded = { ...node, excluded: true };
  assert.notEqual(await cordon(client, excluded, { exclude: true, marks: true }, never), 'replaced');
  assert.equal(await exclude(client, excluded, never), 'excluded');
  assert.deepEqual(
    server.received.map(({ body }) => JSON.parse(body)),
    [
      {
        metadata: { uid: 'n-1', resourceVersion: '1', annotations: { 'node-drainer/cordoned': 'true' } },
        spec: { unschedulable: true },
      },
    ],
  );
});

// A node that a person has cordoned would be uncordoned when its instance enters service again.
test('a cordon that was there before, or that a person asked for, is not marked', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, object('node-a')));
  const client = clientOf(t, server.url, new ManualClock());
  assert.notEqual(
    await cordon(client, { ...node, cordoned: true }, { exclude: false, marks: true }, never),
    'replaced',
  );
  assert.notEqual(await cordon(client, node, { exclude: false, marks: false }, never), 'replaced');
  assert.deepEqual(server.received[1]?.body, server.received[0]?.body);
  assert.deepEqual(JSON.parse(server.received[0]?.body ?? ''), {
    metadata: { uid: 'n-1' },
    spec: { unschedulable: true },
  });
});

// A person cordons the node between the read and the cordon: marked as the drainer's, `undo` would take their cordon back.
test('a node that changes before its cordon is read again, and one that was cordoned meanwhile gets no mark', async (t) => {
  const conflict = status(409, 'Conflict', 'the object has been modified');
  const now = object('node-a');
  const read = { ...now, metadata: { ...now.metadata, uid: 'n-1', resourceVersion: '8' } };
  const responses = [
    { code: 409, body: conflict },
    { code: 200, body: read },
    { code: 409, body: conflict },
    { code: 200, body: { ...read, spec: { unschedulable: true } } },
    { code: 200, body: read },
  ];
  const server = await apiServer(t, (_, response) => {
    const next = responses.shift();
    json(response, next?.code ?? 500, next?.body);
  });
  const client = clientOf(t, server.url, new ManualClock());
  assert.notEqual(await cordon(client, node, { exclude: false, marks: true }, never), 'replaced');
  const patches = server.received
    .filter(({ method }) => method === 'PATCH')
    .map(({ body }) => JSON.parse(body).metadata);
  const annotations = { 'node-drainer/cordoned': 'true' };
  assert.deepEqual(patches, [
    { uid: 'n-1', resourceVersion: '1', annotations },
    { uid: 'n-1', resourceVersion: '8', annotations },
    { uid: 'n-1' },
  ]);
});

// The exclusion at the end of a drain must not cordon again a node that a person uncordoned, or touch the node that has its name now.
test('an exclusion sets the label and the annotation, with the UID as a precondition, and nothing else', async (t) => {
  const responses = [
    { code: 200, body: object('node-a') },
    { code: 404, body: notFound },
    { code: 422, body: status(422, 'Invalid', 'Node "node-a" is invalid: metadata.uid: field is immutable') },
  ];
  const server = await apiServer(t, (_, response) => {
    const next = responses.shift();
    json(response, next?.code ?? 500, next?.body);
  });
  const client = clientOf(t, server.url, new ManualClock());
  assert.equal(await exclude(client, node, never), 'excluded');
  assert.equal(await exclude(client, node, never), 'replaced');
  assert.equal(await exclude(client, node, never), 'replaced');
  const labels = { [EXCLUSION]: 'true' };
  const annotations = { 'node-drainer/excluded-from-load-balancers': 'true' };
  const [{ method, path, body } = { method: '', path: '', body: '{}' }] = server.received;
  assert.deepEqual([method, path], ['PATCH', '/api/v1/nodes/node-a']);
  assert.deepEqual(JSON.parse(body), { metadata: { uid: 'n-1', labels, annotations } });
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
  assert.equal(await cordon(client, node, { exclude: true, marks: true }, never), 'replaced');
  assert.equal(await cordon(client, node, { exclude: true, marks: true }, never), 'replaced');
  await assert.rejects(cordon(client, node, { exclude: true, marks: true }, never), Denied);
  await assert.rejects(cordon(client, node, { exclude: true, marks: true }, never), ApiError);
  await assert.rejects(cordon(client, node, { exclude: true, marks: true }, never), ApiError);
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

// A field read from the wrong place proves the wrong node, or leaves a volume attached.
// https://kubernetes.io/docs/reference/node/node-status/
test('a node is read with its proofs, its addresses, its condition, its label and its volumes', () => {
  const addresses = [
    { type: 'InternalIP', address: '10.0.1.2' },
    { type: 'InternalIP', address: '2600:1f14::2' },
    { type: 'ExternalIP', address: '3.4.5.6' },
    { type: 'Hostname', address: 'node-a' },
    { type: 'InternalDNS', address: 'ip-10-0-1-2.ec2.internal' },
  ];
  const read = readNode({
    metadata: {
      name: 'node-a',
      uid: 'n-1',
      resourceVersion: '7',
      creationTimestamp: '2026-01-02T03:04:05Z',
      labels: { 'alpha.eksctl.io/instance-id': 'i-1', [EXCLUSION]: 'true' },
    },
    spec: { providerID: 'aws:///eu-west-1a/i-1', unschedulable: true },
    status: {
      addresses,
      conditions: [
        { type: 'DiskPressure', status: 'True' },
        { type: 'Ready', status: 'False' },
        { type: 'Drained', status: 'True', reason: 'AdminRequested' },
      ],
      volumesInUse: ['kubernetes.io/csi/ebs.csi.aws.com^vol-1', 'kubernetes.io/aws-ebs/vol-2'],
    },
  });
  assert.deepEqual(read, {
    name: 'node-a',
    uid: 'n-1',
    resourceVersion: '7',
    providerID: 'aws:///eu-west-1a/i-1',
    instanceLabel: 'i-1',
    internalIPs: ['10.0.1.2', '2600:1f14::2'],
    createdAt: Date.parse('2026-01-02T03:04:05Z'),
    ready: 'False',
    cordoned: true,
    excluded: true,
    volumesInUse: ['kubernetes.io/csi/ebs.csi.aws.com^vol-1', 'kubernetes.io/aws-ebs/vol-2'],
    drainConditions: [{ type: 'Drained', status: 'True', reason: 'AdminRequested' }],
  });
});

// "False" read as a dead kubelet kills pods that still shut down; "Unknown" read as a living one waits for containers that are gone.
// kubernetes: pkg/controller/nodelifecycle/node_lifecycle_controller.go
test('the condition Ready is True, False or Unknown; a node that has none has never reported', () => {
  const ready = (conditions: unknown) => readNode({ metadata: { uid: 'u', name: 'a' }, status: { conditions } }).ready;
  for (const status of ['True', 'False', 'Unknown']) assert.equal(ready([{ type: 'Ready', status }]), status);
  assert.equal(ready([{ type: 'Ready', status: 'Maybe' }]), 'Unknown');
  assert.equal(ready([{ type: 'MemoryPressure', status: 'True' }]), 'Unknown');
  for (const none of [[], null, undefined]) assert.equal(ready(none), 'Unknown');
  assert.equal(readNode({ metadata: { uid: 'u', name: 'a' } }).ready, 'Unknown');
});

// Cloud controllers look at the key of the label only: a node with the value "false" is out of its load balancers, too.
// kubernetes: staging/src/k8s.io/cloud-provider/controllers/service/controller.go (nodeIncludedPredicate)
test('a node is excluded by the key of the label, whatever its value', () => {
  const excluded = (labels?: object) =>
    readNode({ metadata: { uid: 'u', name: 'a', ...(labels && { labels }) } }).excluded;
  for (const value of ['true', 'false', '']) assert.equal(excluded({ [EXCLUSION]: value }), true, value);
  assert.equal(excluded({ 'kubernetes.io/os': 'linux' }), false);
  assert.equal(excluded(), false);
});

// Go writes empty lists as null, and a node that has just registered has no status: an error would hide every node of the cluster.
test('a node without labels, addresses, volumes or a time of creation is read', () => {
  const nulls = { labels: null, creationTimestamp: null };
  const read = readNode({
    metadata: { uid: 'u', name: 'a', ...nulls },
    status: { addresses: null, volumesInUse: null, conditions: null },
  });
  assert.deepEqual([read.internalIPs, read.volumesInUse, read.createdAt, read.instanceLabel], [[], [], 0, undefined]);
});

// The error page of a proxy, or half an event, would become a node without a UID.
test('an object that is not a node is refused', () => {
  for (const object of [undefined, null, 'text', {}, { metadata: {} }, { metadata: { name: 'a' } }]) {
    assert.throws(() => readNode(object));
  }
});
