import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Call, rightOf } from '../../../app/kubernetes/call.ts';
import { DenialGrace, GRACE_MS } from '../../../app/kubernetes/responses.ts';

const signal = new AbortController().signal;
const evict = (pod: string): Call => ({ verb: 'create', path: `/api/v1/namespaces/shop/pods/${pod}/eviction`, signal });
const list: Call = { verb: 'list', path: '/api/v1/pods?fieldSelector=spec.nodeName=a', signal };

test('a right is a verb and a resource, whatever object and namespace it is about', () => {
  const right = (path: string) => rightOf({ verb: 'get', path, signal });
  assert.equal(right('/api/v1/nodes/a?x=/y'), 'get nodes');
  assert.equal(right('/api/v1/namespaces/shop/pods/web/eviction'), 'get pods/eviction');
  assert.equal(right('/apis/policy/v1/namespaces/shop/poddisruptionbudgets?watch=1'), 'get poddisruptionbudgets');
  assert.equal(right('/apis/storage.k8s.io/v1/volumeattachments/a'), 'get volumeattachments');
  assert.equal(right('/api/v1/namespaces/shop'), 'get namespaces');
});

// A forgotten RBAC manifest has to be told at once: the instance is billed while it waits.
test('what was never allowed, by a server that was there all the time, is denied in earnest', () => {
  const rights = new DenialGrace();
  rights.allowed(list);
  assert.equal(rights.inGrace(evict('web'), 0), false);
});

// A real API server that had been killed denied a drain all it had been allowed, for a second: the drain gave up.
test('a denial of what was allowed before is doubted, and believed when it lasts', () => {
  const rights = new DenialGrace();
  rights.allowed(evict('web-0'));
  assert.equal(rights.inGrace(evict('web-1'), 1_000), true);
  assert.equal(rights.inGrace(evict('web-2'), 1_000 + GRACE_MS - 1), true);
  assert.equal(rights.inGrace(evict('web-1'), 1_000 + GRACE_MS), false);
});

test('a denial soon after the server was away is doubted too', () => {
  const rights = new DenialGrace();
  rights.markUnavailable(0);
  assert.equal(rights.inGrace(list, GRACE_MS - 1), true);
  assert.equal(rights.inGrace(evict('web'), GRACE_MS), false);
});

test('once it is allowed again, the next denial is doubted from its own beginning', () => {
  const rights = new DenialGrace();
  rights.allowed(list);
  assert.equal(rights.inGrace(list, 0), true);
  rights.allowed(list);
  assert.equal(rights.inGrace(list, GRACE_MS * 2), true);
});
