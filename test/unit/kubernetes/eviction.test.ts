import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, ApiUnreachable } from '../../../app/kubernetes/errors.ts';
import { deletePod, evictPod, replyOf } from '../../../app/kubernetes/pods.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { pod } from '../../support/objects.ts';

const web = pod('web-0', { uid: 'u-1' });
const never = new AbortController().signal;
const replyTo = (code: number, body: unknown, retryAfter?: string) =>
  replyOf(new ApiError('create eviction', code, body, retryAfter), web);

const budgetCause = {
  causes: [
    { reason: 'DisruptionBudget', message: 'The disruption budget web needs 3 healthy pods and has 3 currently' },
  ],
};

// A drain that ignores the 404 of the API server waits for a pod that no longer exists.
test('a 404 that names the pod means that it is gone', () => {
  const body = status(404, 'NotFound', 'pods "web-0" not found', { name: 'web-0', kind: 'pods' });
  assert.deepEqual(replyTo(404, body), { kind: 'gone' });
});

// The 404 of a load balancer, for a wrong path, or for another object once completed the hook with every pod running.
test('any other 404 says nothing about the pod', () => {
  assert.equal(replyTo(404, '<html>not found</html>'), undefined);
  assert.equal(replyTo(404, status(404, 'NotFound', 'namespaces "shop" not found', { name: 'shop' })), undefined);
  assert.equal(replyTo(404, status(404, 'NotFound', 'the server could not find the requested resource')), undefined);
});

// Without this, a healthy StatefulSet pod of the same name on another node would count as the pod to drain. The API server checks
// the precondition twice, in other words each time.
// kubernetes: staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go, pkg/storage/interfaces.go
test('a 409 on the UID means that another pod has the name', () => {
  const before =
    'Operation cannot be fulfilled on Pod "web-0": the UID in the precondition (u-1) does not match the UID in record (u-2). The object might have been deleted and then recreated';
  const during =
    'Operation cannot be fulfilled on pods "web-0": StorageError: invalid object, Code: 4, Key: /registry/pods/shop/web-0, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: u-1, UID in object meta: u-2';
  for (const message of [before, during]) {
    assert.deepEqual(replyTo(409, status(409, 'Conflict', message)), { kind: 'replaced' });
  }
});

// A pod that counts as replaced is left on the node without its SIGTERM, for a budget that is called squid.
// kubernetes: pkg/registry/core/pod/storage/eviction.go (checkAndDecrement updates the status of the budget)
test('any other conflict is retried at once, whatever the budget is called', () => {
  for (const name of ['web', 'squid', 'druid', 'uid-service', 'precondition']) {
    const message = `Operation cannot be fulfilled on poddisruptionbudgets.policy "${name}": the object has been modified; please apply your changes to the latest version and try again`;
    const details = { name, group: 'policy', kind: 'poddisruptionbudgets' };
    const reply = replyTo(409, status(409, 'Conflict', message, details));
    assert.deepEqual(reply, { kind: 'throttled', retryAfterMs: 100 }, name);
  }
});

// A budget mistaken for flow control pauses everything; flow control mistaken for a budget waits for no reason.
test('a 429 with the cause DisruptionBudget is a budget, and a 429 without it is flow control', () => {
  const cannot = 'Cannot evict pod as it would violate the pod disruption budget.';
  const refused = status(429, 'TooManyRequests', cannot, budgetCause);
  assert.deepEqual(replyTo(429, refused), { kind: 'blocked', budget: 'web' });
  assert.deepEqual(replyTo(429, refused, '10'), { kind: 'blocked', budget: 'web' });
  const nameless = status(429, 'TooManyRequests', cannot, { causes: [{ reason: 'DisruptionBudget' }] });
  assert.deepEqual(replyTo(429, nameless), { kind: 'blocked' });
  const busy = status(429, 'TooManyRequests', 'too many requests, please try again later');
  assert.deepEqual(replyTo(429, busy, '7'), { kind: 'throttled', retryAfterMs: 7_000 });
  assert.deepEqual(replyTo(429, 'Too many requests, please try again later.\n', '1'), {
    kind: 'throttled',
    retryAfterMs: 1_000,
  });
  assert.deepEqual(replyTo(429, busy), { kind: 'throttled', retryAfterMs: 1_000 });
});

const KEEP = { kind: 'webhook', name: 'keep.example.com' } as const;

// An administrator can delete one of two budgets during the drain: a growing backoff would notice it too late.
test('a 500 for more than one budget is a refusal with that reason; any other 500 says nothing about the pod', () => {
  const two = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
  assert.deepEqual(replyTo(500, status(500, 'InternalError', two)), {
    kind: 'refused',
    message: 'more than one budget selects it, which the eviction API does not support',
    by: { kind: 'several budgets' },
  });
  assert.equal(replyTo(500, status(500, 'InternalError', 'etcdserver: no leader')), undefined);
});

// The drain of a node with a pod in a terminating namespace once failed with a missing permission that it had.
test('a 403 in a namespace that is being deleted is a refusal of the pod, not a missing permission', () => {
  const details = { causes: [{ reason: 'NamespaceTerminating', message: 'namespace shop is being terminated' }] };
  const body = status(403, 'Forbidden', 'pods "web-0" is forbidden: unable to create new content', details);
  assert.deepEqual(replyTo(403, body), {
    kind: 'refused',
    message: 'its namespace is being deleted',
    by: { kind: 'namespace' },
  });
});

// A webhook's 403 mistaken for RBAC ends the drain; an RBAC denial mistaken for a webhook is retried until the deadline.
test('a 403 of an admission webhook is a refusal with its message; an RBAC denial says nothing about the pod', () => {
  const webhook = status(403, 'Forbidden', 'admission webhook "keep.example.com" denied the request: not on Fridays');
  const refusal = replyTo(403, webhook);
  assert.equal(refusal?.kind, 'refused');
  assert.match(refusal.message, /not on Fridays/);
  const rbac =
    'pods "web-0" is forbidden: User "drainer" cannot create resource "pods/eviction" in API group "" in the namespace "shop"';
  assert.equal(replyTo(403, status(403, 'Forbidden', rbac)), undefined);
});

// A policy engine that responds with 400 or 422 must not end the drain of all other pods.
test('any other 4xx of a webhook is a refusal; the same code from a proxy says nothing about the pod', () => {
  for (const code of [400, 405, 422]) {
    const body = status(code, 'Invalid', 'admission webhook "policy.example.com" denied the request: label missing');
    assert.equal(replyTo(code, body)?.kind, 'refused', String(code));
    assert.equal(replyTo(code, '<html>nginx</html>'), undefined, String(code));
  }
});

// KubeVirt denies evictions with 429 while it migrates a machine: taken for flow control, every other pod waits; taken for a failure
// of the API server, the pod is never deleted at the end. A 404 of a webhook once passed for a pod that is gone.
// kubernetes: staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go (newer ones begin with the object)
// kubevirt: virt-launcher-eviction-interceptor.kubevirt.io, "Eviction triggered evacuation of VMI"
test('the denial of an admission webhook is a refusal of that pod, whatever its code', () => {
  const words =
    'admission webhook "keep.example.com" denied the request: Eviction triggered evacuation of VMI "shop/vm"';
  for (const code of [400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 503, 504, 599]) {
    for (const message of [words, `pods "web-0" is forbidden: ${words}`, `Internal error occurred: ${words}`]) {
      const body = status(code, code === 404 ? 'NotFound' : 'Forbidden', message, { name: 'web-0', kind: 'pods' });
      assert.deepEqual(replyTo(code, body), { kind: 'refused', message, by: KEEP }, String(code));
      assert.deepEqual(replyTo(code, body, '5'), { kind: 'refused', message, by: KEEP }, `${code}, Retry-After`);
    }
  }
});

// A webhook speaks in its own words: those of the API server in its message must not end the drain, or count the pod as gone.
test('a webhook that speaks like RBAC, like a budget or of a precondition is still a webhook', () => {
  for (const [code, words] of [
    [403, 'User "bob" cannot delete resource "pods" in API group "" in the namespace "shop"'],
    [409, 'the UID in the precondition (u-1) does not match the UID in record (u-2)'],
    [500, 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'],
  ] as const) {
    const message = `admission webhook "keep.example.com" denied the request: ${words}`;
    assert.deepEqual(replyTo(code, status(code, '', message)), { kind: 'refused', message, by: KEEP });
  }
});

// With failurePolicy Fail nobody can be evicted while the webhook is down. Not a refusal, its pods would never be deleted at the end.
// kubernetes: staging/src/k8s.io/apiserver/pkg/util/webhook/error.go (ErrCallingWebhook)
test('a webhook that must be asked and does not answer refuses the pod, too', () => {
  const message =
    'Internal error occurred: failed calling webhook "keep.example.com": failed to call webhook: Post "https://keep.shop.svc:443/?timeout=10s": dial tcp 10.96.0.7:443: connect: connection refused';
  assert.deepEqual(replyTo(500, status(500, 'InternalError', message)), { kind: 'refused', message, by: KEEP });
});

// One machine that KubeVirt migrates would stop the evictions of all pods, for as long as the migration takes. A denial that made
// the API server count as unavailable would hide a missing permission.
test('the denial of a webhook pauses no other call, and does not make the API server unavailable', async (t) => {
  const rbac =
    'pods "db-0" is forbidden: User "x" cannot create resource "pods/eviction" in API group "" in the namespace "shop"';
  const codes = [429, 403, 500, 503];
  const server = await apiServer(t, ({ path }, response) => {
    if (path.includes('/db-0/')) return json(response, 403, status(403, 'Forbidden', rbac));
    const code = codes.shift() ?? 0;
    const message = 'admission webhook "keep.example.com" denied the request: not now';
    return json(response, code, status(code, '', message), { 'retry-after': '10' });
  });
  const clock = new ManualClock();
  const client = clientOf(t, server.url, clock, { onThrottled: () => assert.fail('every call is paused') });
  while (codes.length > 0) assert.equal((await evictPod(client, 'policy/v1', web, never)).kind, 'refused');
  // An API server that was unavailable a moment ago may deny what it allows a second later.
  await assert.rejects(evictPod(client, 'policy/v1', pod('db-0'), never), Denied);
  assert.equal(clock.elapsed, 0);
});

// A failure of the API reported as the reason of a pod hides that the control plane is down.
test('5xx, 401 and 408 are failures of the API and say nothing about the pod', () => {
  for (const code of [401, 408, 500, 502, 503, 504]) assert.equal(replyTo(code, ''), undefined, String(code));
});

// A retry without the UID evicts the new pod of the same name; in the wrong API version it evicts nothing.
test('an eviction has the UID of the pod as a precondition and the API version of the cluster', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 201, { kind: 'Status', status: 'Success' }));
  const client = clientOf(t, server.url, new ManualClock());
  assert.deepEqual(await evictPod(client, 'policy/v1beta1', web, never), { kind: 'accepted' });
  const [{ method, path, body } = { method: '', path: '', body: '' }] = server.received;
  assert.deepEqual([method, path], ['POST', '/api/v1/namespaces/shop/pods/web-0/eviction']);
  assert.deepEqual(JSON.parse(body), {
    apiVersion: 'policy/v1beta1',
    kind: 'Eviction',
    metadata: { name: 'web-0', namespace: 'shop' },
    deleteOptions: { preconditions: { uid: 'u-1' } },
  });
});

// Any other grace period than the pod's own kills a database in the middle of a write.
test('a deletion has the UID of the pod as a precondition and does not change its grace period', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, {}));
  const client = clientOf(t, server.url, new ManualClock());
  assert.deepEqual(await deletePod(client, web, never), { kind: 'accepted' });
  const [{ method, path, body } = { method: '', path: '', body: '' }] = server.received;
  assert.deepEqual([method, path], ['DELETE', '/api/v1/namespaces/shop/pods/web-0']);
  assert.deepEqual(JSON.parse(body), { preconditions: { uid: 'u-1' } });
});

// With a grace of zero the API server removes the pod at once, and nobody waits for its containers: a negative grace means zero to
// servers before 1.22.
// kubernetes: pkg/registry/core/pod/strategy.go (CheckGracefulDelete)
test('a deletion never gives less than a second of grace', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, {}));
  const client = clientOf(t, server.url, new ManualClock());
  for (const graceSeconds of [0, -1, 1, 30, 86_400]) {
    assert.deepEqual(await deletePod(client, { ...web, graceSeconds }, never), { kind: 'accepted' });
  }
  const graces = server.received
    .map(({ body }) => JSON.parse(body))
    .map(({ gracePeriodSeconds }) => gracePeriodSeconds);
  assert.deepEqual(graces, [1, 1, undefined, undefined, undefined]);
  assert.ok(server.received.every(({ body }) => JSON.parse(body).preconditions.uid === 'u-1'));
});

// The drain decides by the kind of error: Denied ends it, the others are retried.
test('an eviction that is denied, fails with 5xx or gets no response rejects with that kind of error', async (t) => {
  const responses = [
    status(
      403,
      'Forbidden',
      'pods "web-0" is forbidden: User "x" cannot create resource "pods/eviction" in API group ""',
    ),
    status(503, 'ServiceUnavailable', 'the server is currently unable to handle the request'),
  ];
  const server = await apiServer(t, (_, response) => {
    const next = responses.shift();
    if (next === undefined) response.socket?.destroy();
    else json(response, next.code, next);
  });
  const client = clientOf(t, server.url, new ManualClock());
  await assert.rejects(evictPod(client, 'policy/v1', web, never), Denied);
  await assert.rejects(evictPod(client, 'policy/v1', web, never), ApiError);
  await assert.rejects(evictPod(client, 'policy/v1', web, never), ApiUnreachable);
});

// An API server that is overloaded answers 503 and says when to come back: pods that come back sooner overload it further.
// kubernetes: staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go (NewServerTimeout, NewTimeoutError: RetryAfterSeconds)
test('an eviction that fails with 5xx rejects with the time that Retry-After asks for', async (t) => {
  const server = await apiServer(t, (_, response) =>
    json(response, 503, status(503, 'ServiceUnavailable', 'the server is shutting down'), { 'retry-after': '7' }),
  );
  const client = clientOf(t, server.url, new ManualClock());
  await assert.rejects(evictPod(client, 'policy/v1', web, never), { code: 503, transient: true, retryAfterMs: 7_000 });
});
