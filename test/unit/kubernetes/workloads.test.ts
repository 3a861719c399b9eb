import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { list } from '../../../app/kubernetes/list-watch.ts';
import { readWorkload, replicasOf } from '../../../app/kubernetes/workloads.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { pod } from '../../support/objects.ts';

const never = new AbortController().signal;
const APPS = '/apis/apps/v1/namespaces/shop';
const selector = (labels: Record<string, string>) => ({ matchLabels: labels });
const owner = (kind: string, name: string) => [{ kind, name, controller: true }];
const object = (name: string, spec: object, ownerReferences: object[] = []) => ({
  metadata: { uid: name, name, namespace: 'shop', ownerReferences },
  spec,
});

async function server(t: TestContext, objects: Readonly<Record<string, object>>, pods: readonly object[] = []) {
  const { url, received } = await apiServer(t, ({ path }, response) => {
    if (path.endsWith('/pods')) return json(response, 200, { metadata: { resourceVersion: '5' }, items: pods });
    const found = objects[path];
    const name = path.split('/').at(-1) ?? '';
    return found === undefined
      ? json(response, 404, status(404, 'NotFound', `"${name}" not found`, { name }))
      : json(response, 200, found);
  });
  const client = clientOf(t, url, new ManualClock());
  const read = (kind: string, name: string) =>
    readWorkload(client, pod('web-0', { controller: { kind, name } }), never);
  return { client, read, received };
}

// During a rollout the old ReplicaSet has one pod left of ten, and that one looks like the whole service.
test('the workload of a pod is the Deployment of its ReplicaSet, or else its controller', async (t) => {
  const { read } = await server(t, {
    [`${APPS}/replicasets/web-7f9c`]: object('web-7f9c', { replicas: 1 }, owner('Deployment', 'web')),
    [`${APPS}/deployments/web`]: object('web', { replicas: 10, selector: selector({ app: 'web' }) }),
    [`${APPS}/replicasets/roll-1`]: object('roll-1', { replicas: 4 }, owner('Rollout', 'roll')),
    [`${APPS}/replicasets/left-1`]: object('left-1', { replicas: 2 }, owner('Deployment', 'gone')),
    [`${APPS}/statefulsets/db`]: object('db', { selector: selector({ app: 'db' }) }),
  });
  const short = async (kind: string, name: string) => {
    const workload = await read(kind, name);
    return workload && `${workload.name}: ${workload.replicas}`;
  };
  assert.equal(await short('ReplicaSet', 'web-7f9c'), 'Deployment shop/web: 10');
  assert.equal(await short('ReplicaSet', 'roll-1'), 'ReplicaSet shop/roll-1: 4');
  assert.equal(await short('ReplicaSet', 'left-1'), 'ReplicaSet shop/left-1: 2');
  // https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/stateful-set-v1/#StatefulSetSpec: "Defaults to 1"
  assert.equal(await short('StatefulSet', 'db'), 'StatefulSet shop/db: 1');
  assert.equal(await short('ReplicaSet', 'deleted'), undefined);
  assert.equal(await short('Job', 'batch'), undefined);
});

// A pod that terminates, or that is on the node itself, counts as the one that takes over.
test('only ready pods on other nodes that do not terminate count as ready elsewhere', async (t) => {
  const podObject = (name: string, nodeName: string, ready: string, more: object = {}) => ({
    metadata: { uid: name, name, namespace: 'shop', ...more },
    spec: { nodeName },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready }] },
  });
  const pods = [
    podObject('elsewhere', 'node-b', 'True'),
    podObject('here', 'node-a', 'True'),
    podObject('starting', 'node-b', 'False'),
    podObject('ending', 'node-b', 'True', {
      deletionTimestamp: '2026-01-02T03:04:05Z',
      deletionGracePeriodSeconds: 30,
    }),
    { metadata: { uid: 'pending', name: 'pending', namespace: 'shop' }, spec: {}, status: { phase: 'Pending' } },
  ];
  const { client, received } = await server(t, {}, pods);
  const workload = {
    name: 'Deployment shop/web',
    namespace: 'shop',
    replicas: 3,
    selector: [
      { key: 'app', operator: 'In', values: ['web'] },
      { key: 'tier', operator: 'NotIn', values: ['a', 'b'] },
      { key: 'live', operator: 'Exists', values: [] },
      { key: 'canary', operator: 'DoesNotExist', values: [] },
    ],
  };
  const { items } = await list(client, replicasOf(workload, 'node-a'), '0', never);
  assert.deepEqual(
    items.filter(({ readyOn }) => readyOn !== undefined),
    [{ uid: 'elsewhere', readyOn: 'node-b' }],
  );
  assert.equal(received.at(-1)?.query.get('labelSelector'), 'app in (web),tier notin (a,b),live,!canary');
});
