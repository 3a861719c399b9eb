import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { readEviction, responderApi } from '../../../app/kubernetes/eviction-requests.ts';
import { readPod } from '../../../app/kubernetes/pods.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, type Handler, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { pod } from '../../support/objects.ts';

const never = new AbortController().signal;
const UID = '1b2c3d4e-0000-4000-8000-000000000001';
const vm = pod('vm-0', { uid: UID, responders: ['migration.example.com/vm'] });
const PATH = '/apis/lifecycle.k8s.io/v1alpha1/namespaces/shop/evictionrequests';

async function api(t: TestContext, handler: Handler) {
  const server = await apiServer(t, handler);
  const clock = new ManualClock();
  return { server, responders: responderApi(clientOf(t, server.url, clock), { clock, report: () => undefined }) };
}

// https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/api/lifecycle/v1alpha1/types.go
// A request without an owner stays behind for good when its task is killed.
test('a request names the pod by its UID, belongs to it, and is withdrawn by its intent', async (t) => {
  const { server, responders } = await api(t, (_, response) => json(response, 200, {}));
  await responders.request(vm, never);
  await responders.withdraw(vm, never);
  const [created, withdrawn] = server.received;
  assert.deepEqual([created?.method, created?.path], ['POST', PATH]);
  assert.deepEqual(JSON.parse(created?.body ?? ''), {
    apiVersion: 'lifecycle.k8s.io/v1alpha1',
    kind: 'EvictionRequest',
    metadata: {
      name: `node-drainer-${UID}`,
      namespace: 'shop',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'vm-0', uid: UID }],
    },
    spec: { target: { pod: { name: 'vm-0', uid: UID } }, requester: 'node-drainer/drain', intent: 'Eviction' },
  });
  assert.deepEqual([withdrawn?.method, withdrawn?.path], ['PATCH', `${PATH}/node-drainer-${UID}`]);
  assert.deepEqual(JSON.parse(withdrawn?.body ?? ''), { spec: { intent: 'Withdrawn' } });
});

// The task before was stopped, and has withdrawn the request: the responder would never act again.
test('a request that is there already is made once more, and one that is gone is not missed', async (t) => {
  const name = `node-drainer-${UID}`;
  const { server, responders } = await api(t, ({ method }, response) =>
    method === 'POST'
      ? json(response, 409, status(409, 'AlreadyExists', `evictionrequests "${name}" already exists`))
      : json(response, 404, status(404, 'NotFound', `evictionrequests "${name}" not found`, { name })),
  );
  await responders.request(vm, never);
  assert.deepEqual(JSON.parse(server.received[1]?.body ?? ''), { spec: { intent: 'Eviction' } });
  await responders.withdraw(vm, never);
});

test('an API that is not served is none, a missing right is a denial, and everything else an error', async (t) => {
  const denial =
    'evictions.lifecycle.k8s.io is forbidden: User "x" cannot list resource "evictions" in API group "lifecycle.k8s.io"';
  const answers = [
    [404, '404 page not found'],
    [403, status(403, 'Forbidden', denial)],
    [500, status(500, 'InternalError', 'no')],
  ] as const;
  let next = 0;
  const { responders } = await api(t, (_, response) => {
    const [code, body] = answers[next++] ?? answers[2];
    json(response, code, body);
  });
  assert.equal(await responders.read(never), undefined);
  await assert.rejects(responders.read(never), Denied);
  await assert.rejects(responders.read(never), ApiError);
});

const DEFAULT = 'imperative-eviction.k8s.io/evictor';
const evictionOf = (states: Readonly<Record<string, string>>, more: object = {}) =>
  readEviction({
    metadata: { name: 'pod-1-vm-0', uid: 'e-1' },
    spec: { target: { pod: { name: 'vm-0', uid: UID } } },
    status: {
      targetResponders: Object.entries(states).map(([name, state]) => ({ name, priority: 1, state })),
      ...more,
    },
  });

// The control plane's own responder retries every 15 minutes at last: a drain that waits for it loses hours.
test('an eviction is over when no responder of the pod can act any more', () => {
  const a = 'a.example.com/x';
  const base = { uid: 'e-1', podUid: UID };
  assert.deepEqual(evictionOf({ [a]: 'Active', [DEFAULT]: 'Inactive' }), {
    ...base,
    active: { name: a },
    isOver: false,
  });
  assert.deepEqual(
    evictionOf(
      { [a]: 'Active', [DEFAULT]: 'Inactive' },
      { responders: [{ name: a, heartbeatTime: '2026-11-27T10:00:00Z' }] },
    ),
    { ...base, active: { name: a, heartbeat: '2026-11-27T10:00:00Z' }, isOver: false },
  );
  for (const over of [
    evictionOf({ [a]: 'Completed', [DEFAULT]: 'Active' }),
    evictionOf({ [a]: 'Interrupted', [DEFAULT]: 'Completed' }),
    evictionOf({ [a]: 'Canceled', [DEFAULT]: 'Inactive' }, { conditions: [{ type: 'Failed', status: 'True' }] }),
    evictionOf({ [a]: 'Active' }, { conditions: [{ type: 'TargetEvicted', status: 'True' }] }),
  ])
    assert.deepEqual(over, { ...base, isOver: true });
  // Not initialised yet, or between two responders.
  assert.deepEqual(evictionOf({}), { ...base, isOver: false });
  assert.deepEqual(evictionOf({ [a]: 'Inactive', [DEFAULT]: 'Inactive' }), { ...base, isOver: false });
});

test('a pod has the responders that its spec names', () => {
  const object = (spec: object) => ({ metadata: { name: 'vm-0', uid: UID, namespace: 'shop' }, spec });
  const evictionResponders = [{ name: 'a.example.com/x', priority: 10_000 }];
  assert.deepEqual(readPod(object({ evictionResponders })).responders, ['a.example.com/x']);
  assert.equal('responders' in readPod(object({})), false);
  assert.equal('responders' in readPod(object({ evictionResponders: [] })), false);
});
