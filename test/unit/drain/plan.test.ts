import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCEPTED_FOR_MS } from '../../../app/drain/plan.ts';
import { actionsByPod, evicted, observed, planned, pod, podsOf } from '../../support/objects.ts';

const now = 1_000_000;

// Evicting a DaemonSet or static pod is undone at once, and a drain that waits for one to stay away never ends.
test('pods that come back by themselves, and finished ones, are left; everything else is evicted', () => {
  const pods = [
    pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }),
    pod('proxy', { mirror: true }),
    pod('done', { phase: 'Succeeded' }),
    pod('crashed', { phase: 'Failed' }),
    pod('ending', { deletion: { deadline: now, graceSeconds: 30 } }),
    pod('web', { controller: { kind: 'ReplicaSet', name: 'web' } }),
    pod('bare'),
    pod('pending', { phase: 'Pending', ready: false }),
    pod('strange', { phase: 'Unknown', ready: false }),
  ];
  assert.deepEqual(actionsByPod(planned(observed({ pods }), now)), {
    agent: 'skip daemonset',
    proxy: 'skip mirror',
    done: 'skip finished',
    crashed: 'skip finished',
    ending: 'wait terminating',
    web: 'evict',
    bare: 'evict',
    pending: 'evict',
    strange: 'evict',
  });
});

// A static pod's image may name a DaemonSet or be finished; deleting it would change nothing all the same.
test('a DaemonSet pod that is ending is left, not waited for: its successor lands on the same node', () => {
  const controller = { kind: 'DaemonSet', name: 'agent' };
  const pods = [pod('agent', { controller, deletion: { deadline: now, graceSeconds: 30 } })];
  assert.deepEqual(actionsByPod(planned(observed({ pods }), now)), { agent: 'skip daemonset' });
});

// Sending an eviction again while its answer is awaited, or just after it was accepted, doubles the load for nothing.
test('a pod that was asked for is waited for', () => {
  const pods = [pod('asked'), pod('accepted'), pod('refused')];
  const attempts = {
    asked: { state: 'requested', at: now - 60_000 },
    accepted: { state: 'accepted', at: now - 1 },
    refused: {
      state: 'refused',
      at: now - 1,
      retryAt: now + 5,
      message: 'a webhook says no',
      cause: 'eviction refused',
    },
  } as const;
  const result = planned(observed({ pods, attempts }), now);
  assert.deepEqual(actionsByPod(result), {
    asked: 'wait requested',
    accepted: 'wait accepted',
    refused: 'wait refused',
  });
});

// An accepted eviction whose deletion was lost (etcd rolled back, a finalizing webhook) would be waited for for ever.
test('an accepted eviction that never shows is sent again', () => {
  const seen = observed({ pods: [pod('web')], attempts: { web: { state: 'accepted', at: now } } });
  assert.deepEqual(actionsByPod(planned(seen, now + ACCEPTED_FOR_MS - 1)), { web: 'wait accepted' });
  assert.deepEqual(actionsByPod(planned(seen, now + ACCEPTED_FOR_MS)), { web: 'evict' });
});

// A refusal that somebody mends in the meantime (two budgets, a webhook) must not be final.
test('a refused eviction is sent again when its time has come', () => {
  const refused = {
    state: 'refused',
    at: now,
    retryAt: now + 10_000,
    message: 'no',
    cause: 'eviction refused',
  } as const;
  const seen = observed({ pods: [pod('web')], attempts: { web: refused } });
  assert.deepEqual(actionsByPod(planned(seen, now + 9_999)), { web: 'wait refused' });
  assert.deepEqual(actionsByPod(planned(seen, now + 10_000)), { web: 'evict' });
});

// A plan that sleeps past the moment at which it changes stands still until something happens by chance.
test('the plan names the first moment at which time alone changes it, and changes then', () => {
  const pods = [pod('accepted'), pod('refused')];
  const attempts = {
    accepted: { state: 'accepted', at: now - 1_000 },
    refused: { state: 'refused', at: now, retryAt: now + 400, message: 'no', cause: 'eviction refused' },
  } as const;
  const seen = observed({ pods, attempts });
  const first = planned(seen, now);
  assert.equal(first.wakeAt, now + 400);
  const second = planned(seen, now + 400);
  assert.deepEqual(evicted(second), ['refused']);
  assert.equal(second.wakeAt, now - 1_000 + ACCEPTED_FOR_MS);
});

// Waking for nothing every few milliseconds would burn the task's CPU for hours.
test('a plan that only events can change names no moment', () => {
  const pods = [pod('ending', { deletion: { deadline: now, graceSeconds: 30 } }), pod('asked')];
  const seen = observed({ pods, attempts: { asked: { state: 'requested', at: now } } });
  assert.equal(planned(seen, now).wakeAt, undefined);
  assert.equal(planned(observed({ pods: [] }), now).wakeAt, undefined);
});

// With 50 evictions in flight, pods that were refused first would otherwise keep the line from the ones behind them.
test('pods that were never asked for come first, then those whose refusal is longest ago', () => {
  const refused = (at: number) =>
    ({ state: 'refused', at, retryAt: now, message: 'no', cause: 'eviction refused' }) as const;
  const pods = [pod('late'), pod('early'), pod('new-a'), pod('new-b')];
  const seen = observed({ pods, attempts: { late: refused(now - 10), early: refused(now - 20) } });
  assert.deepEqual(evicted(planned(seen, now)), ['new-a', 'new-b', 'early', 'late']);
});

// A one-shot iterator in the observation once made every node look empty at the second look, and the hook was completed.
test('an observation can be planned twice, and the plan looked at twice', () => {
  const seen = observed({ pods: podsOf('web', 3) });
  const first = planned(seen, now);
  assert.deepEqual(planned(seen, now), first);
  assert.equal([...first.decisions].length, 3);
  assert.equal([...first.decisions].length, 3);
});

// ON_DEADLINE=force promises that what is left is deleted; a plan that still asks the budget would break the promise.
test('forced, what would be evicted is deleted, whatever budgets say, and what ends by itself is not', () => {
  const pods = [
    pod('blocked'),
    pod('new'),
    pod('asked'),
    pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }),
    pod('ending', { deletion: { deadline: now, graceSeconds: 30 } }),
  ];
  const attempts = { blocked: { state: 'blocked', at: now }, asked: { state: 'requested', at: now } } as const;
  assert.deepEqual(actionsByPod(planned(observed({ pods, attempts }), now, { force: true })), {
    blocked: 'delete',
    new: 'delete',
    asked: 'wait requested',
    agent: 'skip daemonset',
    ending: 'wait terminating',
  });
});
