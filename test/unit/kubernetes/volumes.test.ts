import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { volumesOf } from '../../../app/kubernetes/volumes.ts';
import { Denied, Failure, isTransient } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const ATTACHMENTS = '/apis/storage.k8s.io/v1/volumeattachments';
const notFound = (name: string) => status(404, 'NotFound', `"${name}" not found`, { name });

const attachment = (nodeName: string, persistentVolumeName?: string) => ({
  metadata: { name: `csi-${nodeName}-${persistentVolumeName}` },
  spec: { nodeName, attacher: 'ebs.csi.aws.com', source: { ...(persistentVolumeName && { persistentVolumeName }) } },
});

/** An API server with these attachments, two in the page that `limit` asks for, and a volume `pv-NAME` for each bound claim `shop/NAME`. */
async function volumeServer(
  t: TestContext,
  attachments: readonly object[],
  bound: readonly string[],
  { isCacheBehind = false } = {},
) {
  const server = await apiServer(t, ({ path, query }, response) => {
    if (path === ATTACHMENTS) {
      if (query.has('continue')) return json(response, 200, { metadata: {}, items: attachments.slice(2) });
      if (query.has('limit')) {
        const more = attachments.length > 2 ? { continue: 'c2' } : {};
        return json(response, 200, { metadata: { resourceVersion: '7', ...more }, items: attachments.slice(0, 2) });
      }
      if (isCacheBehind)
        return json(response, 504, status(504, 'Timeout', 'Too large resource version: 7, current: 6'));
      return json(response, 200, { metadata: { resourceVersion: '8' }, items: attachments });
    }
    const claim = bound.find((name) => path === `/api/v1/persistentvolumes/pv-${name}`);
    if (claim === undefined) return json(response, 404, notFound(path.split('/').at(-1) ?? ''));
    return json(response, 200, { metadata: {}, spec: { claimRef: { namespace: 'shop', name: claim } } });
  });
  const clock = new ManualClock();
  const volumes = volumesOf(clientOf(t, server.url, clock), 'node-a', clock);
  /** The volumes that are waited for when the claims of this namespace stay. */
  const attachedExcept = async (names: readonly string[], volumesInUse: readonly string[] = [], namespace = 'shop') => {
    const claims = names.map((name) => ({ namespace, name }));
    return (await volumes.attached(claims, volumesInUse, never)).map(({ volume }) => volume);
  };
  return { attachedExcept, server };
}

// The API cannot select attachments by node: reading only the first page misses some in a large cluster. A successor task has seen
// none of the pods whose volumes they are: it must wait for all of them.
// karpenter: pkg/controllers/node/termination/controller.go (awaitVolumeDetachment waits for every attachment of the node)
test('every attachment of this node is found, in large clusters from the watch cache', async (t) => {
  const { attachedExcept, server } = await volumeServer(
    t,
    [
      attachment('node-b', 'pv-db-9'),
      attachment('node-a', 'pv-db-0'),
      attachment('node-a', 'pv-agent'),
      attachment('node-ab', 'pv-db-8'),
      attachment('node-a', 'pv-db-1'),
    ],
    ['db-0', 'db-1', 'db-9', 'agent'],
  );
  assert.deepEqual(await attachedExcept([]), ['pv-db-0', 'pv-agent', 'pv-db-1']);
  assert.ok(
    server.received.every(({ path }) => path === ATTACHMENTS),
    'with no pod that stays, no volume is read',
  );
  // Sixty pages of a large cluster would be read from etcd by servers before 1.34, in each drain.
  assert.deepEqual(
    server.received.map(({ query }) => query.toString()),
    ['limit=500', 'resourceVersion=7&resourceVersionMatch=NotOlderThan'],
  );
});

// Before 1.31 the watch cache of a quiet kind is behind until one of it changes: the drain would wait for volumes that it never sees.
test('when the watch cache is behind, the attachments of a large cluster are read page by page', async (t) => {
  const attachments = ['pv-db-0', 'pv-db-1', 'pv-db-2'].map((volume) => attachment('node-a', volume));
  const { attachedExcept, server } = await volumeServer(t, attachments, [], { isCacheBehind: true });
  assert.deepEqual(await attachedExcept([]), ['pv-db-0', 'pv-db-1', 'pv-db-2']);
  assert.deepEqual(
    server.received.map(({ query }) => query.toString()),
    ['limit=500', 'resourceVersion=7&resourceVersionMatch=NotOlderThan', 'limit=500', 'limit=500&continue=c2'],
  );
});

// The volume of a pod that stays is attached until the instance ends: every drain of such a node would take five minutes longer.
test('the attachments of claims of pods that stay are not waited for', async (t) => {
  const { attachedExcept, server } = await volumeServer(
    t,
    [attachment('node-b', 'pv-db-9'), attachment('node-a', 'pv-db-0'), attachment('node-a', 'pv-agent')],
    ['db-0', 'db-9', 'agent'],
  );
  assert.deepEqual(await attachedExcept(['agent', 'unbound']), ['pv-db-0']);
  const reads = server.received.map(({ path }) => path);
  assert.ok(!reads.includes('/api/v1/persistentvolumes/pv-db-9'), 'a volume of another node was read');
});

// The drain would not wait for the volume of a pod that it has drained.
test('a claim of the same name in another namespace is another claim', async (t) => {
  const { attachedExcept } = await volumeServer(t, [attachment('node-a', 'pv-db-0')], ['db-0']);
  assert.deepEqual(await attachedExcept(['db-0'], [], 'lab'), ['pv-db-0']);
  assert.deepEqual(await attachedExcept(['db-0']), []);
});

// An inline volume has no PersistentVolume, and a deleted one no claim: that they are attached is all that is known, and enough. It
// would die with the instance, attached.
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/ (source.inlineVolumeSpec)
test('an inline volume, and a volume that no longer exists or has no claim, are waited for', async (t) => {
  const { attachedExcept } = await volumeServer(
    t,
    [attachment('node-a'), attachment('node-a', 'pv-gone'), attachment('node-a', 'pv-agent')],
    ['agent'],
  );
  assert.deepEqual(await attachedExcept(['agent']), ['csi-node-a-undefined', 'pv-gone']);
});

// In-tree volumes have no VolumeAttachment: the pod that takes one over waits six minutes for a forced detach. Those of CSI drivers,
// named in both places, would be waited for twice.
// kubernetes: pkg/kubelet/volumemanager/volume_manager.go (GetVolumesInUse), pkg/volume/csi (the prefix kubernetes.io/csi/)
test('in-tree volumes are waited for by what the kubelet of the node has in use', async (t) => {
  const { attachedExcept } = await volumeServer(t, [attachment('node-a', 'pv-db-0')], ['db-0']);
  const inUse = ['kubernetes.io/csi/ebs.csi.aws.com^vol-1', 'kubernetes.io/aws-ebs/aws://eu-west-1a/vol-2'];
  assert.deepEqual(await attachedExcept([], inUse), ['pv-db-0', 'kubernetes.io/aws-ebs/aws://eu-west-1a/vol-2']);
  // Which of them belongs to a pod that stays, nobody says.
  assert.deepEqual(await attachedExcept(['agent'], inUse), ['pv-db-0']);
});

// A wait that ends too early leaves the volume attached; one that does not see the end waits five minutes for nothing.
test('an in-tree volume is attached while the node names it', async (t) => {
  const nodeWith = (...volumesInUse: string[]) => ({
    metadata: { name: 'node-a', uid: 'n-1' },
    status: { volumesInUse },
  });
  const responses: [code: number, body: unknown][] = [
    [200, nodeWith('kubernetes.io/aws-ebs/vol-1', 'kubernetes.io/aws-ebs/vol-2')],
    [200, nodeWith('kubernetes.io/aws-ebs/vol-12')],
    [404, notFound('node-a')],
    [500, {}],
  ];
  const server = await apiServer(t, (_, response) => json(response, ...(responses.shift() ?? [500, {}])));
  const clock = new ManualClock();
  const volumes = volumesOf(clientOf(t, server.url, clock), 'node-a', clock);
  const isAttached = () => volumes.isAttached({ kind: 'in-tree', volume: 'kubernetes.io/aws-ebs/vol-1' }, never);
  assert.equal(await isAttached(), true);
  assert.equal(await isAttached(), false);
  assert.equal(await isAttached(), false, 'the node is gone');
  await assert.rejects(isAttached(), ApiError);
  assert.ok(server.received.every(({ path }) => path === '/api/v1/nodes/node-a'));
});

// Taking an error for a detached volume ends the wait while the volume is attached.
test('a volume is detached only when a 404 names the attachment', async (t) => {
  const rbac = 'volumeattachments is forbidden: User "x" cannot get resource "volumeattachments" in API group ""';
  const responses: [code: number, body: unknown][] = [
    [200, attachment('node-a', 'pv-db-0')],
    [404, notFound('csi-1')],
    [404, notFound('csi-2')],
    [404, '<html>not found</html>'],
    [500, {}],
    [403, status(403, 'Forbidden', rbac)],
    [403, status(403, 'Forbidden', rbac)],
  ];
  const server = await apiServer(t, (_, response) => json(response, ...(responses.shift() ?? [500, {}])));
  const clock = new ManualClock();
  const volumes = volumesOf(clientOf(t, server.url, clock), 'node-a', clock);
  const isAttached = () => volumes.isAttached({ kind: 'attachment', name: 'csi-1', volume: 'pv-db-0' }, never);
  assert.equal(await isAttached(), true);
  assert.equal(await isAttached(), false);
  await assert.rejects(isAttached(), ApiError);
  await assert.rejects(isAttached(), (error) => !(error instanceof ApiError) && isTransient(error));
  await assert.rejects(isAttached(), (error) => error instanceof ApiError && error.transient);
  await assert.rejects(
    isAttached(),
    (error) => !(error instanceof Denied) && error instanceof Failure && error.transient,
  );
  await clock.advance(60_000);
  await assert.rejects(isAttached(), Denied);
  assert.ok(server.received.every(({ path }) => path === `${ATTACHMENTS}/csi-1`));
});
