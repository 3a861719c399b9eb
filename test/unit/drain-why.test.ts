import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WaitReason } from '../../app/drain/plan.ts';
import type { Pod } from '../../app/drain/pod.ts';
import { why } from '../../app/drain/why.ts';
import { budget, pod } from '../support/objects.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const waits = (reason: WaitReason, of: Pod = pod('web-0')) => why({ act: 'wait', pod: of, why: reason }, now);

// A pod that is left, or waited for, without a reason is the first question of whoever reads the log at night.
test('every verdict says why', () => {
  const agent = pod('agent', { controller: { kind: 'DaemonSet', name: 'fluentd' } });
  assert.equal(why({ act: 'leave', pod: agent, why: 'daemonset' }, now), 'belongs to DaemonSet fluentd');
  assert.equal(why({ act: 'leave', pod: pod('proxy'), why: 'mirror' }, now), 'static pod of the kubelet');
  const done = pod('done', { phase: 'Succeeded' });
  assert.equal(why({ act: 'leave', pod: done, why: 'finished' }, now), 'finished (Succeeded)');
  assert.equal(why({ act: 'evict', pod: pod('a') }, now), 'to be evicted');
  assert.equal(why({ act: 'delete', pod: pod('a') }, now), 'to be deleted');
  assert.equal(waits({ kind: 'asking' }), 'eviction sent');
  assert.equal(waits({ kind: 'accepted' }), 'eviction accepted');
  assert.equal(waits({ kind: 'refused', message: 'its namespace is being deleted' }), 'its namespace is being deleted');
});

test('a blocked pod names its budgets and how healthy they are', () => {
  const budgets = [
    budget('web', 0, { healthy: 3, expected: 5, desired: 4 }),
    budget('all', 0, { healthy: 1, expected: 2, desired: 2 }),
  ];
  assert.equal(
    waits({ kind: 'budget', budgets }),
    'budget web allows none (3 of 5 healthy, 4 needed), budget all allows none (1 of 2 healthy, 2 needed)',
  );
  assert.equal(waits({ kind: 'budget', budgets: [], named: 'web' }), 'budget web allows none');
  assert.equal(waits({ kind: 'budget', budgets: [] }), 'a budget allows none');
});

// "terminating" alone does not tell a pod that needs two more seconds from one that a finalizer holds for ever.
test('a terminating pod says since when, of how long, and what holds it', () => {
  const ending = (deadline: number, finalizers: string[] = []) =>
    waits({ kind: 'terminating' }, pod('a', { deletion: { deadline, graceSeconds: 30 }, finalizers }));
  assert.equal(ending(now + 30_000), 'terminating for 0 s of 30 s grace');
  assert.equal(ending(now + 20_000), 'terminating for 10 s of 30 s grace');
  assert.equal(ending(now - 60_000), 'terminating for 90 s of 30 s grace');
  assert.equal(
    ending(now, ['batch.kubernetes.io/job-tracking', 'x/y']),
    'terminating for 30 s of 30 s grace, held by finalizer batch.kubernetes.io/job-tracking, x/y',
  );
  // The server's clock may be ahead of ours.
  assert.equal(ending(now + 35_000), 'terminating for 0 s of 30 s grace');
});
