import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, asDenied, isNotFound, isRbacDenial, readStatus } from '../../../app/kubernetes/errors.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { status } from '../../support/api-server.ts';

const error = (code: number, body: unknown, retryAfter?: string) => new ApiError('get /x', code, body, retryAfter);

// The 403 of an admission webhook can be temporary, that of RBAC is not: confusing them ends a drain, or makes it endless.
test('an RBAC denial is distinguished from the denial of an admission webhook', () => {
  const rbac = [
    'pods is forbidden: User "drainer" cannot list resource "pods" in API group "" at the cluster scope',
    'nodes "a" is forbidden: User "system:anonymous" cannot patch resource "nodes" in API group "" at the cluster scope',
    'forbidden: User "drainer" cannot get path "/api/v1"',
  ];
  for (const message of rbac) assert.equal(isRbacDenial(error(403, status(403, 'Forbidden', message))), true, message);
  const others = [
    'admission webhook "deny.example.com" denied the request: you cannot do that today',
    'admission webhook "deny.example.com" denied the request: User "bob" cannot delete resource "pods" in API group ""',
    'pods "web-0" is forbidden: unable to create new content in namespace shop because it is being terminated',
    '',
  ];
  for (const message of others)
    assert.equal(isRbacDenial(error(403, status(403, 'Forbidden', message))), false, message);
  assert.equal(isRbacDenial(error(403, '<html>403 Forbidden</html>')), false);
  assert.equal(isRbacDenial(error(401, status(401, 'Unauthorized', rbac[0] ?? ''))), false);
});

// Denied ends the drain: an error of the server that became Denied would leave the node undrained.
test('only an RBAC denial becomes Denied, with advice', () => {
  const message = 'pods is forbidden: User "drainer" cannot list resource "pods" in API group ""';
  const denied = asDenied(error(403, status(403, 'Forbidden', message)));
  assert.ok(denied instanceof Denied);
  assert.equal(denied.transient, false);
  assert.match(denied.message, /cannot list resource "pods"/);
  assert.match(denied.advice ?? '', /rbac\.yaml/);
  const broken = error(500, 'oops');
  assert.equal(asDenied(broken), broken);
  assert.equal(asDenied('text'), 'text');
});

// Giving up after a 503 from a control plane that is being upgraded leaves the node undrained.
test('timeouts, flow control, expired tokens and 5xx are transient; other codes are not', () => {
  for (const code of [401, 408, 410, 429, 500, 502, 503, 504])
    assert.equal(error(code, '').transient, true, String(code));
  for (const code of [400, 403, 404, 405, 409, 422]) assert.equal(error(code, '').transient, false, String(code));
});

// A date read as a number, or a negative number, would become a wrong pause.
test('Retry-After is read as seconds, from 0 to 30; anything else is ignored', () => {
  for (const code of [429, 500, 503, 504]) assert.equal(error(code, '', '3').retryAfterMs, 3_000, String(code));
  assert.equal(error(429, '', '0').retryAfterMs, 0);
  assert.equal(error(429, '', '-5').retryAfterMs, 0);
  // A proxy that asks for a day: the instance would be terminated before the drain continues.
  assert.equal(error(429, '', '86400').retryAfterMs, 30_000);
  assert.equal(error(429, '').retryAfterMs, undefined);
  assert.equal(error(429, '', 'Wed, 21 Oct 2026 07:28:00 GMT').retryAfterMs, undefined);
});

// A proxy's error page of a megabyte in a log line hides the error.
test('the message contains the call, the code and the text of the response, truncated', () => {
  assert.equal(error(404, status(404, 'NotFound', 'pods "a" not found')).message, 'get /x: 404 pods "a" not found');
  assert.ok(error(502, 'x'.repeat(10_000)).message.length < 300);
  assert.equal(error(500, { not: 'a status' }).message, 'get /x: 500');
});

// The message and the causes of an object that is not a Status would decide about an eviction.
test('an object that is not a Status is not read as one', () => {
  for (const body of [undefined, null, 'text', 7, [], {}, { kind: 'Pod' }, { kind: 'Status', message: 7 }]) {
    assert.equal(readStatus(body), undefined);
  }
});

// The 404 of a load balancer, for a wrong path, or for the namespace once completed the hook with every pod running.
test('only a 404 of the API server that names the object means that the object does not exist', () => {
  const notFound = (details: object, reason = 'NotFound') => error(404, status(404, reason, '"a" not found', details));
  assert.equal(isNotFound(notFound({ name: 'a', kind: 'pods' }), 'a'), true);
  for (const other of [
    notFound({ name: 'b' }),
    notFound({}),
    notFound({ name: 'a' }, ''),
    error(404, status(404, 'NotFound', 'the server could not find the requested resource')),
    error(404, { details: { name: 'a' }, reason: 'NotFound' }),
    error(404, '<html>not found</html>'),
    error(404, ''),
    error(410, status(410, 'NotFound', '', { name: 'a' })),
    new Error('404'),
    undefined,
  ]) {
    assert.equal(isNotFound(other, 'a'), false, String(other));
  }
});
