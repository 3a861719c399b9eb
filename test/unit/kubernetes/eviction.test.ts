import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, ApiUnreachable } from '../../../app/kubernetes/errors.ts';
import { deletePod, evictPod, replyOf } from '../../../app/kubernetes/pods.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiOn, apiServer, json, status } from '../../support/api-server.ts';
import { HandClock } from '../../support/clock.ts';
import { pod } from '../../support/objects.ts';

const web = pod('web-0', { uid: 'u-1' });
const never = new AbortController().signal;
const reply = (code: number, body: unknown, retryAfter?: string) =>
  replyOf(new ApiError('create eviction', code, body, retryAfter), web);

const budgetCause = {
  causes: [
    { reason: 'DisruptionBudget', message: 'The disruption budget web needs 3 healthy pods and has 3 currently' },
  ],
};

// A 404 of the API server on this name is the proof that the pod is gone.
test('404 for this pod says that it is gone', () => {
  const said = status(404, 'NotFound', 'pods "web-0" not found', { name: 'web-0', kind: 'pods' });
  assert.deepEqual(reply(404, said), { kind: 'gone' });
});

// A 404 of a load balancer, of a wrong path, or of another object once completed the hook with every pod running.
test('any other 404 proves nothing', () => {
  assert.equal(reply(404, '<html>not found</html>'), undefined);
  assert.equal(reply(404, status(404, 'NotFound', 'namespaces "shop" not found', { name: 'shop' })), undefined);
  assert.equal(reply(404, status(404, 'NotFound', 'the server could not find the requested resource')), undefined);
});

// Without this a StatefulSet pod of the same name, healthy on another node, is taken for the one to drain.
test('409 on the UID says that the name belongs to another pod; any other conflict is no answer', () => {
  const uid =
    'Operation cannot be fulfilled on Pod "web-0": the UID in the precondition (u-1) does not match the UID in record (u-2)';
  assert.deepEqual(reply(409, status(409, 'Conflict', uid)), { kind: 'replaced' });
  const version = 'Operation cannot be fulfilled on pods "web-0": the object has been modified';
  assert.equal(reply(409, status(409, 'Conflict', version)), undefined);
});

// Taking a budget's no for a busy server slows down everything; taking a busy server for a budget waits for nothing.
test('429 with the cause DisruptionBudget is a budget, and 429 without it is flow control', () => {
  const cannot = 'Cannot evict pod as it would violate the pod disruption budget.';
  const refused = status(429, 'TooManyRequests', cannot, budgetCause);
  assert.deepEqual(reply(429, refused), { kind: 'blocked', budget: 'web' });
  assert.deepEqual(reply(429, refused, '10'), { kind: 'blocked', budget: 'web' });
  const nameless = status(429, 'TooManyRequests', cannot, { causes: [{ reason: 'DisruptionBudget' }] });
  assert.deepEqual(reply(429, nameless), { kind: 'blocked' });
  const busy = status(429, 'TooManyRequests', 'too many requests, please try again later');
  assert.deepEqual(reply(429, busy, '7'), { kind: 'throttled', retryAfterMs: 7_000 });
  assert.deepEqual(reply(429, 'Too many requests, please try again later.\n', '1'), {
    kind: 'throttled',
    retryAfterMs: 1_000,
  });
  assert.deepEqual(reply(429, busy), { kind: 'throttled', retryAfterMs: 1_000 });
});

// Somebody may mend two budgets on one pod while we wait; treating it as a broken server would back off for ever longer.
test('500 for more than one budget is a refusal with that reason; any other 500 is no answer', () => {
  const two = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
  assert.deepEqual(reply(500, status(500, 'InternalError', two)), {
    kind: 'refused',
    message: 'more than one budget selects it, which the eviction API does not support',
  });
  assert.equal(reply(500, status(500, 'InternalError', 'etcdserver: no leader')), undefined);
});

// The drain of a node with a namespace that is being deleted once failed for want of rights that it had.
test('403 in a namespace that is being deleted is a refusal that passes', () => {
  const details = { causes: [{ reason: 'NamespaceTerminating', message: 'namespace shop is being terminated' }] };
  const said = status(403, 'Forbidden', 'pods "web-0" is forbidden: unable to create new content', details);
  assert.deepEqual(reply(403, said), { kind: 'refused', message: 'its namespace is being deleted' });
});

test('403 of an admission webhook is a refusal in its own words; for want of rights it is no answer', () => {
  const webhook = status(403, 'Forbidden', 'admission webhook "keep.example.com" denied the request: not on Fridays');
  const refusal = reply(403, webhook);
  assert.equal(refusal?.kind, 'refused');
  assert.match(refusal.message, /not on Fridays/);
  const rbac =
    'pods "web-0" is forbidden: User "drainer" cannot create resource "pods/eviction" in API group "" in the namespace "shop"';
  assert.equal(reply(403, status(403, 'Forbidden', rbac)), undefined);
});

// A policy engine that answers 400 or 422 must not end the drain of all the other pods, nor be asked without a pause.
test('a refusal of a webhook with any other code is a refusal, but the same code of a proxy is no answer', () => {
  for (const code of [400, 405, 422]) {
    const said = status(code, 'Invalid', 'admission webhook "policy.example.com" denied the request: label missing');
    assert.equal(reply(code, said)?.kind, 'refused', String(code));
    assert.equal(reply(code, '<html>nginx</html>'), undefined, String(code));
  }
});

test('5xx, 401 and 408 are failures of the API, not answers about the pod', () => {
  for (const code of [401, 408, 500, 502, 503, 504]) assert.equal(reply(code, ''), undefined, String(code));
});

// A retry without the UID evicts the new pod of the same name; in the wrong API version it evicts nothing at all.
test('an eviction names the pod by its UID, in the API version that the cluster speaks', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 201, { kind: 'Status', status: 'Success' }));
  const api = apiOn(t, server.url, new HandClock());
  assert.deepEqual(await evictPod(api, 'policy/v1beta1', web, never), { kind: 'accepted' });
  const [{ method, path, body } = { method: '', path: '', body: '' }] = server.received;
  assert.deepEqual([method, path], ['POST', '/api/v1/namespaces/shop/pods/web-0/eviction']);
  assert.deepEqual(JSON.parse(body), {
    apiVersion: 'policy/v1beta1',
    kind: 'Eviction',
    metadata: { name: 'web-0', namespace: 'shop' },
    deleteOptions: { preconditions: { uid: 'u-1' } },
  });
});

// gracePeriodSeconds 0, or none of the pod's own, kills a database in the middle of a write.
test('a deletion names the pod by its UID and leaves its grace period alone', async (t) => {
  const server = await apiServer(t, (_, response) => json(response, 200, {}));
  const api = apiOn(t, server.url, new HandClock());
  assert.deepEqual(await deletePod(api, web, never), { kind: 'accepted' });
  const [{ method, path, body } = { method: '', path: '', body: '' }] = server.received;
  assert.deepEqual([method, path], ['DELETE', '/api/v1/namespaces/shop/pods/web-0']);
  assert.deepEqual(JSON.parse(body), { preconditions: { uid: 'u-1' } });
});

test('an eviction that is denied, that meets a broken server, or none at all, rejects as such', async (t) => {
  const answers = [
    status(
      403,
      'Forbidden',
      'pods "web-0" is forbidden: User "x" cannot create resource "pods/eviction" in API group ""',
    ),
    status(503, 'ServiceUnavailable', 'the server is currently unable to handle the request'),
  ];
  const server = await apiServer(t, (_, response) => {
    const answer = answers.shift();
    if (answer === undefined) response.socket?.destroy();
    else json(response, answer.code, answer);
  });
  const api = apiOn(t, server.url, new HandClock());
  await assert.rejects(evictPod(api, 'policy/v1', web, never), Denied);
  await assert.rejects(evictPod(api, 'policy/v1', web, never), ApiError);
  await assert.rejects(evictPod(api, 'policy/v1', web, never), ApiUnreachable);
});
