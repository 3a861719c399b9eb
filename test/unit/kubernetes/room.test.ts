import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { readRoom } from '../../../app/kubernetes/room.ts';
import { apiServer, clientOf, json } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const READY = [{ type: 'Ready', status: 'True' }];

const node = (name: string, more: { spec?: object; conditions?: object[] } = {}) => ({
  metadata: { uid: name, name, labels: { zone: 'a' } },
  spec: more.spec ?? {},
  status: { conditions: more.conditions ?? READY, allocatable: { cpu: '4', memory: '8Gi', pods: '110' } },
});

const podOn = (
  nodeName: string | undefined,
  name: string,
  more: { metadata?: object; spec?: object; status?: object } = {},
) => ({
  metadata: { uid: name, namespace: 'shop', name, ...more.metadata },
  spec: { nodeName, containers: [{ name: 'main', resources: { requests: { cpu: '1' } } }], ...more.spec },
  status: { phase: 'Running', ...more.status },
});

/** An API server that lists these objects, one a page. */
async function listing(t: TestContext, nodes: readonly object[], pods: readonly object[]) {
  const { url, received } = await apiServer(t, ({ path, query }, response) => {
    const all = path.endsWith('/nodes') ? nodes : pods;
    const index = Number(query.get('continue') ?? 0);
    const next = index + 1 < all.length ? { continue: String(index + 1) } : {};
    json(response, 200, { metadata: { resourceVersion: '5', ...next }, items: all.slice(index, index + 1) });
  });
  return { read: () => readRoom(clientOf(t, url, new ManualClock()), 'a', never), received };
}

// Pods that are counted twice, or not at all, make a full cluster look empty.
test('the room of a node is what its pods leave of it, over all pages', async (t) => {
  const { read, received } = await listing(
    t,
    [node('a'), node('b'), node('c')],
    [podOn('b', 'one'), podOn('b', 'two'), podOn('c', 'three'), podOn('a', 'leaving'), podOn('gone', 'four')],
  );
  const { nodes, leaving } = await read();
  assert.deepEqual(
    nodes.map(({ name, free }) => [name, free['cpu'], free['pods']]),
    [
      ['b', 2, 108],
      ['c', 3, 109],
    ],
  );
  assert.deepEqual(
    leaving.map(({ pod, requests }) => [pod, requests]),
    [['shop/leaving', { cpu: 1, pods: 1 }]],
  );
  const [query] = received.filter(({ path }) => path === '/api/v1/pods').map(({ query }) => query);
  assert.equal(query?.get('fieldSelector'), 'status.phase!=Succeeded,status.phase!=Failed');
  assert.equal(query?.get('limit'), '500');
});

// A node that another drain empties is no place to go, and neither is one whose kubelet is silent.
test('cordoned nodes, and nodes that are not ready, are no room', async (t) => {
  const { read } = await listing(
    t,
    [
      node('cordoned', { spec: { unschedulable: true } }),
      node('silent', { conditions: [{ type: 'Ready', status: 'Unknown' }] }),
      node('open'),
    ],
    [podOn('cordoned', 'x')],
  );
  assert.deepEqual(
    (await read()).nodes.map(({ name }) => name),
    ['open'],
  );
});

// A DaemonSet's pod fits on no other node: the drain would wait for its whole limit.
test('pods of DaemonSets, static, finished, terminating and staying pods need no other node', async (t) => {
  const owner = { ownerReferences: [{ kind: 'DaemonSet', name: 'd', controller: true }] };
  const { read } = await listing(
    t,
    [node('b')],
    [
      podOn('a', 'daemon', { metadata: owner }),
      podOn(undefined, 'pending-daemon', { metadata: owner }),
      podOn('a', 'static', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }),
      podOn('a', 'done', { status: { phase: 'Succeeded' } }),
      podOn('a', 'going', { metadata: { deletionTimestamp: '2026-01-02T03:04:05Z' } }),
      podOn('a', 'stays', { metadata: { labels: { 'node-drainer/skip': 'true' } } }),
      podOn('a', 'web'),
      podOn(undefined, 'waits'),
    ],
  );
  const { leaving, pending } = await read();
  assert.deepEqual([leaving.map(({ pod }) => pod), pending.map(({ pod }) => pod)], [['shop/web'], ['shop/waits']]);
});

test('selectors, required node affinities and tolerations of a pod are read', async (t) => {
  const nodeSelectorTerms = [
    { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
    { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] },
  ];
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
  const tolerations = [{ key: 'gpu', operator: 'Exists' }];
  const spec = { nodeSelector: { disk: 'ssd' }, affinity, tolerations };
  const { read } = await listing(t, [node('b')], [podOn('a', 'web', { spec })]);
  const [web] = (await read()).leaving;
  assert.deepEqual(web?.nodeSelector, { disk: 'ssd' });
  assert.deepEqual(web?.nodeTerms, [
    { labels: [{ key: 'zone', operator: 'In', values: ['a'] }], fields: [] },
    { labels: [], fields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] },
  ]);
  assert.deepEqual(web?.tolerations, [{ key: 'gpu', operator: 'Exists', value: '', effect: '' }]);
});
