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

// Without this, a healthy StatefulSet pod of the same name on another node would count as the pod to drain.
test('a 409 on the UID means that another pod has the name; any other conflict says nothing about the pod', () => {
  const uid =
    'Operation cannot be fulfilled on Pod "web-0": the UID in the precondition (u-1) does not match the UID in record (u-2)';
  assert.deepEqual(replyTo(409, status(409, 'Conflict', uid)), { kind: 'replaced' });
  const version = 'Operation cannot be fulfilled on pods "web-0": the object has been modified';
  assert.equal(replyTo(409, status(409, 'Conflict', version)), undefined);
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

// An administrator can delete one of two budgets during the drain: a growing backoff would notice it too late.
test('a 500 for more than one budget is a refusal with that reason; any other 500 says nothing about the pod', () => {
  const two = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
  assert.deepEqual(replyTo(500, status(500, 'InternalError', two)), {
    kind: 'refused',
    message: 'more than one budget selects it, which the eviction API does not support',
  });
  assert.equal(replyTo(500, status(500, 'InternalError', 'etcdserver: no leader')), undefined);
});

// The drain of a node with a pod in a terminating namespace once failed with a missing permission that it had.
test('a 403 in a namespace that is being deleted is a refusal of the pod, not a missing permission', () => {
  const details = { causes: [{ reason: 'NamespaceTerminating', message: 'namespace shop is being terminated' }] };
  const body = status(403, 'Forbidden', 'pods "web-0" is forbidden: unable to create new content', details);
  assert.deepEqual(replyTo(403, body), { kind: 'refused', message: 'its namespace is being deleted' });
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
