import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { restore } from '../../../app/kubernetes/node-marks.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { nodeOf } from '../../support/run-fixture.ts';

const never = new AbortController().signal;
const EXCLUSION = 'node.kubernetes.io/exclude-from-external-load-balancers';
const OURS = 'node-drainer/excluded-from-load-balancers';
const TERMINATING = { key: 'node-drainer/terminating', effect: 'NoSchedule' };
const GPU = { key: 'gpu', value: 'a100', effect: 'NoExecute', timeAdded: '2026-01-02T03:04:05Z' };
/** The node controller sets it on every node that is unschedulable, and removes it itself. */
const UNSCHEDULABLE = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

type Patch = {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, null>>;
    readonly annotations?: Readonly<Record<string, null>>;
  };
  readonly spec: { readonly unschedulable?: null; readonly taints?: readonly object[] };
};
type Marks = {
  readonly cordoned?: boolean;
  readonly taints?: readonly object[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};

/** A node with these marks, which another client changes between read and write, `conflicts` times. */
async function nodeServer(t: TestContext, marks: Marks, conflicts = 0) {
  const node = { uid: 'n-1', version: 7, unschedulable: marks.cordoned ?? false, taints: marks.taints };
  const labels = new Map(Object.entries({ zone: 'a', ...marks.labels }));
  const annotations = new Map(Object.entries({ note: 'b', ...marks.annotations }));
  let conflictsLeft = conflicts;
  const apply = ({ metadata, spec }: Patch) => {
    for (const key of Object.keys(metadata.labels ?? {})) labels.delete(key);
    for (const key of Object.keys(metadata.annotations ?? {})) annotations.delete(key);
    if (spec.unschedulable === null) node.unschedulable = false;
    node.taints = spec.taints ?? node.taints;
    node.version++;
  };
  const server = await apiServer(t, ({ method, body }, response) => {
    if (method === 'PATCH') {
      if (conflictsLeft-- > 0) node.version++;
      const patch: Patch = JSON.parse(body);
      if (patch.metadata.resourceVersion !== String(node.version)) {
        return json(response, 409, status(409, 'Conflict', 'the object has been modified'));
      }
      apply(patch);
    }
    json(response, 200, {
      metadata: {
        name: 'node-a',
        uid: node.uid,
        resourceVersion: String(node.version),
        labels: Object.fromEntries(labels),
        annotations: Object.fromEntries(annotations),
      },
      spec: {
        ...(node.unschedulable && { unschedulable: true }),
        ...(node.taints !== undefined && { taints: node.taints }),
      },
    });
  });
  const client = clientOf(t, server.url, new ManualClock());
  const methods = () => server.received.map(({ method }) => method);
  return {
    node,
    labels,
    annotations,
    methods,
    server,
    restored: (onlyDrained = false) => restore(client, nodeOf('node-a', 'i-1'), onlyDrained, never),
  };
}

// After an instance refresh that keeps the instance, a node that is left tainted and out of its load balancers serves nobody.
test('a node that was drained is uncordoned, and loses the taint, the label and the annotation of the drainer', async (t) => {
  const { node, labels, annotations, server, restored } = await nodeServer(t, {
    cordoned: true,
    taints: [GPU, TERMINATING, UNSCHEDULABLE],
    labels: { [EXCLUSION]: 'true' },
    annotations: { [OURS]: 'true' },
  });
  assert.deepEqual(await restored(), [
    'uncordoned',
    'taint node-drainer/terminating removed',
    `label ${EXCLUSION} removed`,
  ]);
  assert.equal(node.unschedulable, false);
  assert.deepEqual(node.taints, [GPU, UNSCHEDULABLE]);
  assert.deepEqual([[...labels.keys()], [...annotations.keys()]], [['zone'], ['note']]);
  assert.equal(server.received.at(-1)?.headers['content-type'], 'application/merge-patch+json');
});

// A person who took the node out of its load balancers, or tainted it, would find both undone.
test('the marks of others are kept', async (t) => {
  const { node, labels, server, restored } = await nodeServer(t, {
    cordoned: true,
    taints: [GPU],
    labels: { [EXCLUSION]: 'true' },
  });
  assert.deepEqual(await restored(), ['uncordoned']);
  assert.deepEqual([node.unschedulable, node.taints, labels.get(EXCLUSION)], [false, [GPU], 'true']);
  const patch = JSON.parse(server.received.at(-1)?.body ?? '');
  assert.deepEqual(patch, { metadata: { resourceVersion: '7' }, spec: { unschedulable: null } });
});

// A list in a merge patch replaces the whole list: a taint that was added meanwhile would be lost.
test('only the label, or only the taint, can be all there is to undo', async (t) => {
  const excluded = await nodeServer(t, { labels: { [EXCLUSION]: 'true' }, annotations: { [OURS]: 'true' } });
  assert.deepEqual(await excluded.restored(), [`label ${EXCLUSION} removed`]);
  assert.equal(excluded.labels.has(EXCLUSION), false);
  assert.ok(!('taints' in JSON.parse(excluded.server.received.at(-1)?.body ?? '').spec));
  const tainted = await nodeServer(t, { taints: [TERMINATING] });
  assert.deepEqual(await tainted.restored(), ['taint node-drainer/terminating removed']);
  assert.deepEqual(tainted.node.taints, []);
});

// A second `undo` would write to a node that is in use, and cause conflicts for other controllers.
test('a node that bears no mark of the drainer is not changed', async (t) => {
  const { methods, restored } = await nodeServer(t, { taints: [GPU], labels: { [EXCLUSION]: 'true' } });
  assert.deepEqual(await restored(), []);
  assert.deepEqual(methods(), ['GET']);
});

// The node controller changes the node at the same time: what it writes must not be overwritten, and what is undone must be told
// as it was in the end.
test('after a conflict the node is read again; repeated conflicts are a transient error', async (t) => {
  const contested = await nodeServer(t, { cordoned: true, taints: [GPU, TERMINATING] }, 3);
  assert.deepEqual(await contested.restored(), ['uncordoned', 'taint node-drainer/terminating removed']);
  assert.deepEqual(contested.node.taints, [GPU]);
  const hopeless = await nodeServer(t, { cordoned: true, taints: [GPU] }, 100);
  await assert.rejects(hopeless.restored(), { transient: true });
  assert.equal(hopeless.node.unschedulable, true);
});

// Another machine that was registered under the name would be uncordoned while somebody works on it.
test('a node that no longer exists, or whose name another node has, is replaced and not changed', async (t) => {
  const { node, methods, restored } = await nodeServer(t, { cordoned: true });
  node.uid = 'n-2';
  assert.equal(await restored(), 'replaced');
  assert.deepEqual(methods(), ['GET']);
  const notFound = status(404, 'NotFound', 'nodes "node-a" not found', { name: 'node-a' });
  const rbac = 'nodes "node-a" is forbidden: User "x" cannot get resource "nodes" in API group ""';
  const responses = [notFound, status(404, 'NotFound', 'no such path'), status(403, 'Forbidden', rbac)];
  const refusing = await apiServer(t, (_, response) => {
    const next = responses.shift();
    json(response, next?.code ?? 500, next);
  });
  const client = clientOf(t, refusing.url, new ManualClock());
  const again = () => restore(client, nodeOf('node-a', 'i-1'), false, never);
  assert.equal(await again(), 'replaced');
  await assert.rejects(again(), ApiError);
  await assert.rejects(again(), Denied);
});

const CORDONED = 'node-drainer/cordoned';
const OUT_OF_SERVICE = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };

// Every instance that enters service again starts an undo: a node that a person had cordoned before would serve again.
test('with onlyDrained, a cordon is taken back only if a drain has marked it as its own', async (t) => {
  const ours = await nodeServer(t, { cordoned: true, annotations: { [CORDONED]: 'true' } });
  assert.deepEqual(await ours.restored(true), ['uncordoned']);
  assert.deepEqual([ours.node.unschedulable, [...ours.annotations.keys()]], [false, ['note']]);
  const theirs = await nodeServer(t, { cordoned: true });
  assert.deepEqual(await theirs.restored(true), []);
  assert.equal(theirs.node.unschedulable, true);
  assert.deepEqual(theirs.methods(), ['GET']);
});

// The taint that moves the pods of a machine that is off would keep every pod off the machine when it is back.
test('the out-of-service taint of a drain goes, that of a person stays', async (t) => {
  const ours = await nodeServer(t, {
    taints: [GPU, OUT_OF_SERVICE],
    annotations: { 'node-drainer/out-of-service': 'true' },
  });
  assert.deepEqual(await ours.restored(true), ['taint node.kubernetes.io/out-of-service removed']);
  assert.deepEqual(ours.node.taints, [GPU]);
  const theirs = await nodeServer(t, { taints: [GPU, OUT_OF_SERVICE] });
  assert.deepEqual(await theirs.restored(true), []);
  assert.deepEqual(theirs.node.taints, [GPU, OUT_OF_SERVICE]);
});
