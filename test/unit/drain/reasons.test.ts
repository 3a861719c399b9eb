import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SkipReason, WaitReason } from '../../../app/drain/decision.ts';
import type { Pod } from '../../../app/drain/pod.ts';
import { reasonText } from '../../../app/drain/reasons.ts';
import { budget, pod } from '../../support/objects.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const waits = (reason: WaitReason, of: Pod = pod('web-0')) =>
  reasonText({ action: 'wait', pod: of, reason: reason }, now);

// A pod that is left, or waited for, without a reason is the first question of whoever reads the log at night.
test('every verdict says why', () => {
  const agent = pod('agent', { controller: { kind: 'DaemonSet', name: 'fluentd' } });
  assert.equal(reasonText({ action: 'skip', pod: agent, reason: 'daemonset' }, now), 'belongs to DaemonSet fluentd');
  assert.equal(reasonText({ action: 'skip', pod: pod('proxy'), reason: 'mirror' }, now), 'static pod of the kubelet');
  const done = pod('done', { phase: 'Succeeded' });
  assert.equal(reasonText({ action: 'skip', pod: done, reason: 'finished' }, now), 'finished (Succeeded)');
  assert.equal(reasonText({ action: 'evict', pod: pod('a') }, now), 'to be evicted');
  assert.equal(reasonText({ action: 'delete', pod: pod('a') }, now), 'to be deleted');
  assert.equal(waits({ kind: 'requested' }), 'eviction requested');
  assert.equal(waits({ kind: 'accepted' }), 'eviction accepted');
  assert.equal(waits({ kind: 'refused', message: 'its namespace is being deleted' }), 'its namespace is being deleted');
});

// "Given up" and "left" without a cause look like a drainer that forgot a pod.
test('what a drain does not wait for any more, or not yet, says why', () => {
  const left = (reason: SkipReason, more: Partial<Pod>) =>
    reasonText({ action: 'skip', pod: pod('a', more), reason: reason }, now);
  const deletion = { deadline: now, graceSeconds: 45 };
  assert.match(
    left('dead kubelet', { deletion }),
    /kubelet is dead.*past its grace period of 45 s: not waiting for it$/,
  );
  assert.match(
    left('finalizer only', { finalizers: ['x/y', 'z'] }),
    /only finalizer x\/y, z keeps the pod: not waiting for it$/,
  );
  const controller = { kind: 'DaemonSet', name: 'proxy' };
  assert.match(left('tolerant daemonset', { controller }), /^belongs to DaemonSet proxy and tolerates every taint/);
  assert.equal(waits({ kind: 'priority', pods: 1 }), 'waits for 1 pod of lower priority');
  assert.equal(waits({ kind: 'priority', pods: 2 }), 'waits for 2 pods of lower priority');
  assert.equal(
    waits({ kind: 'do-not-disrupt', annotation: 'node-drainer/wait', until: now + 60_000 }),
    'not disrupted until 2026-01-02T03:05:05.000Z, because of node-drainer/wait',
  );
});

test('a blocked pod names its budgets and how healthy they are', () => {
  const budgets = [
    budget('web', 0, { healthy: 3, expected: 5, desired: 4 }),
    budget('all', 0, { healthy: 1, expected: 2, desired: 2 }),
  ];
  assert.equal(
    waits({ kind: 'budget', budgets }),
    'budget web allows no disruption (3 of 5 healthy, 4 needed), budget all allows no disruption (1 of 2 healthy, 2 needed)',
  );
  assert.equal(waits({ kind: 'budget', budgets: [], named: 'web' }), 'budget web allows no disruption');
  assert.equal(waits({ kind: 'budget', budgets: [] }), 'a budget allows no disruption');
});

// "terminating" alone does not tell a pod that needs two more seconds from one that a finalizer holds for ever.
test('a terminating pod says since when, of how long, and what holds it', () => {
  const ending = (deadline: number, finalizers: string[] = []) =>
    waits({ kind: 'terminating', since: now }, pod('a', { deletion: { deadline, graceSeconds: 30 }, finalizers }));
  assert.equal(ending(now + 30_000), 'terminating for 0 s of 30 s grace');
  assert.equal(ending(now + 20_000), 'terminating for 10 s of 30 s grace');
  assert.equal(ending(now - 60_000), 'terminating for 90 s of 30 s grace');
  assert.equal(
    ending(now, ['batch.kubernetes.io/job-tracking', 'x/y']),
    'terminating for 30 s of 30 s grace, held by finalizer batch.kubernetes.io/job-tracking, x/y',
  );
  // Where the server's clock says less than we have seen ourselves, we believe our own.
  const seen = pod('a', { deletion: { deadline: now + 3_600_000, graceSeconds: 30 } });
  assert.equal(waits({ kind: 'terminating', since: now - 12_000 }, seen), 'terminating for 12 s of 30 s grace');
  // The server's clock may be ahead of ours.
  assert.equal(ending(now + 35_000), 'terminating for 0 s of 30 s grace');
});
