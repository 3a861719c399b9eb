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

/** An API server with these attachments, two per page, and a volume `pv-NAME` for each bound claim `shop/NAME`. */
async function volumeServer(t: TestContext, attachments: readonly object[], bound: readonly string[]) {
  const server = await apiServer(t, ({ path, query }, response) => {
    if (path === ATTACHMENTS) {
      const from = Number(query.get('continue') ?? '0');
      const more = from + 2 < attachments.length ? { continue: String(from + 2) } : {};
      return json(response, 200, {
        metadata: { resourceVersion: '1', ...more },
        items: attachments.slice(from, from + 2),
      });
    }
    const claim = bound.find((name) => path === `/api/v1/persistentvolumes/pv-${name}`);
    if (claim === undefined) return json(response, 404, notFound(path.split('/').at(-1) ?? ''));
    return json(response, 200, { metadata: {}, spec: { claimRef: { namespace: 'shop', name: claim } } });
  });
  const volumes = volumesOf(clientOf(t, server.url, new ManualClock()), 'node-a');
  const attached = async (...names: string[]) => {
    const claims = names.map((name) => ({ namespace: 'shop', name }));
    return (await volumes.attachedFor(claims, never)).map(({ volume }) => volume);
  };
  return { attached, server };
}

// The API cannot select attachments by node: reading only the first page misses some in a large cluster.
test('the attachments of this node and these claims are found on all pages', async (t) => {
  const { attached, server } = await volumeServer(
    t,
    [
      attachment('node-b', 'pv-db-9'),
      attachment('node-a', 'pv-db-0'),
      attachment('node-a', 'pv-agent'),
      attachment('node-a'),
      attachment('node-a', 'pv-db-1'),
    ],
    ['db-0', 'db-1', 'db-9', 'agent'],
  );
  assert.deepEqual(await attached('db-0', 'db-1', 'db-9'), ['pv-db-0', 'pv-db-1']);
  const reads = server.received.map(({ path }) => path).filter((path) => path !== ATTACHMENTS);
  assert.ok(!reads.includes('/api/v1/persistentvolumes/pv-db-9'), 'a volume of another node was read');
});

// The drain would wait for the volume of a pod that stays.
test('a claim of the same name in another namespace is another claim', async (t) => {
  const { server } = await volumeServer(t, [attachment('node-a', 'pv-db-0')], ['db-0']);
  const volumes = volumesOf(clientOf(t, server.url, new ManualClock()), 'node-a');
  assert.deepEqual(await volumes.attachedFor([{ namespace: 'lab', name: 'db-0' }], never), []);
});

// The volume of a deleted StatefulSet is deleted, too: no pod on another node waits for it.
test('a volume that no longer exists, or has no claim, does not count', async (t) => {
  const { attached } = await volumeServer(t, [attachment('node-a', 'pv-db-0')], []);
  assert.deepEqual(await attached('db-0'), []);
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
  const volumes = volumesOf(clientOf(t, server.url, clock), 'node-a');
  const isAttached = () => volumes.isAttached({ name: 'csi-1', volume: 'pv-db-0' }, never);
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
