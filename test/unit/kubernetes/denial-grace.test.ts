import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Call, permissionOf } from '../../../app/kubernetes/call.ts';
import { DENIAL_GRACE_MS, DenialGrace } from '../../../app/kubernetes/responses.ts';

const signal = new AbortController().signal;
const evict = (pod: string): Call => ({ verb: 'create', path: `/api/v1/namespaces/shop/pods/${pod}/eviction`, signal });
const list: Call = { verb: 'list', path: '/api/v1/pods?fieldSelector=spec.nodeName=a', signal };

// A permission per object would treat the denial of every new pod as the first one.
test('a permission is a verb and a resource, without object and namespace', () => {
  const permission = (path: string) => permissionOf({ verb: 'get', path, signal });
  assert.equal(permission('/api/v1/nodes/a?x=/y'), 'get nodes');
  assert.equal(permission('/api/v1/namespaces/shop/pods/web/eviction'), 'get pods/eviction');
  assert.equal(permission('/apis/policy/v1/namespaces/shop/poddisruptionbudgets?watch=1'), 'get poddisruptionbudgets');
  assert.equal(permission('/apis/storage.k8s.io/v1/volumeattachments/a'), 'get volumeattachments');
  assert.equal(permission('/api/v1/namespaces/shop'), 'get namespaces');
});

// A missing RBAC manifest must be reported at once: the instance is billed while the drain waits.
test('a denial of what was never allowed is final when the server was never unavailable', () => {
  const grace = new DenialGrace();
  grace.markAllowed(list);
  assert.equal(grace.covers(evict('web'), 0), false);
});

// A restarted API server denied for a second everything that it had allowed before, and the drain gave up.
test('a denial of what was allowed before is transient until it has lasted a minute', () => {
  const grace = new DenialGrace();
  grace.markAllowed(evict('web-0'));
  assert.equal(grace.covers(evict('web-1'), 1_000), true);
  assert.equal(grace.covers(evict('web-2'), 1_000 + DENIAL_GRACE_MS - 1), true);
  assert.equal(grace.covers(evict('web-1'), 1_000 + DENIAL_GRACE_MS), false);
});

// The first eviction of a drain can meet an API server that has just started and has not loaded its roles.
test('a denial shortly after the server was unavailable is transient', () => {
  const grace = new DenialGrace();
  grace.markUnavailable(0);
  assert.equal(grace.covers(list, DENIAL_GRACE_MS - 1), true);
  assert.equal(grace.covers(evict('web'), DENIAL_GRACE_MS), false);
});

// Two upgrades of a chart, an hour apart, delete and create the role: the second denial must not count from the first.
test('the grace of a denial starts anew after the permission was allowed again', () => {
  const grace = new DenialGrace();
  grace.markAllowed(list);
  assert.equal(grace.covers(list, 0), true);
  grace.markAllowed(list);
  assert.equal(grace.covers(list, DENIAL_GRACE_MS * 2), true);
});
