import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAST_GRACE_MS } from '../../../app/drain/plan.ts';
import { draining } from '../../support/draining.ts';
import { actionsByPod, observed, planned, pod } from '../../support/objects.ts';

const now = 1_000_000_000;
const endless = { shutdownMs: Number.POSITIVE_INFINITY };
const since = { ending: now };

/** A pod with 30 s of grace that was first seen ending at `now`, by our clock. */
const ending = (more: Parameters<typeof pod>[1] = {}) =>
  pod('ending', { deletion: { deadline: now + 30_000, graceSeconds: 30 }, ...more });

// A machine that crashed reports no pod's end: its instance would stay for two days, billed, for nothing.
test('on a dead node a pod is given up 60 s after its deletion deadline, and not a moment before', () => {
  const seen = observed({ pods: [ending()], terminatingSince: since });
  const givenUpAt = now + 30_000 + PAST_GRACE_MS;
  const before = planned(seen, givenUpAt - 1, { kubeletAlive: false });
  assert.deepEqual([actionsByPod(before), before.wakeAt], [{ ending: 'wait terminating' }, givenUpAt]);
  assert.deepEqual(actionsByPod(planned(seen, givenUpAt, { kubeletAlive: false })), { ending: 'skip dead kubelet' });
});

// An API server whose clock is ten minutes behind ours would have every pod given up as soon as it was asked.
test('the time is counted by our own clock, whatever the deadline in the pod says', () => {
  for (const skew of [-3_600_000, 3_600_000]) {
    const one = ending({ deletion: { deadline: now + 30_000 + skew, graceSeconds: 30 } });
    const seen = observed({ pods: [one], terminatingSince: since });
    const at = (ms: number) => actionsByPod(planned(seen, now + ms, { kubeletAlive: false }))['ending'];
    assert.deepEqual([at(89_999), at(90_000)], ['wait terminating', 'skip dead kubelet'], `${skew} ms`);
  }
});

// A database that needs an hour to flush must not lose it to a rule for dead machines.
test('on a healthy node a pod that still runs is waited for, whatever the deadline, and whatever holds it', () => {
  const held = pod('held', { ...ending(), name: 'held', uid: 'h', finalizers: ['example.com/hold'] });
  const seen = observed({ pods: [ending(), held], terminatingSince: { ...since, held: now } });
  const result = planned(seen, now + 48 * 3_600_000);
  assert.deepEqual(actionsByPod(result), { ending: 'wait terminating', held: 'wait terminating' });
  assert.equal(result.wakeAt, undefined);
});

// A finalizer whose controller is gone keeps a pod in the API for ever, long after its processes ended.
test('a pod that only a finalizer keeps is given up at once on a dead node, if all its containers have ended', () => {
  const standing = (more: Parameters<typeof pod>[1]) =>
    actionsByPod(planned(observed({ pods: [ending(more)], terminatingSince: since }), now, { kubeletAlive: false }))[
      'ending'
    ];
  assert.equal(standing({ running: false, finalizers: ['x/y'] }), 'skip finalizer only');
  assert.equal(standing({ running: true, finalizers: ['x/y'] }), 'wait terminating');
  assert.equal(standing({ running: false, finalizers: [] }), 'wait terminating');
});

// A pod that nobody asked to go is evicted first: on a dead node its controller must make another one elsewhere.
test('a pod that is not ending is asked to, also on a dead node', () => {
  const seen = observed({ pods: [pod('web', { running: false, finalizers: ['x/y'] })] });
  assert.deepEqual(actionsByPod(planned(seen, now, { kubeletAlive: false })), { web: 'evict' });
});

test('a drain of a dead node asks its pods, gives them up in time, and says so of each', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.node.setReady('Unknown');
  cluster.add(pod('web'), endless);
  cluster.add(pod('job', { finalizers: ['batch.kubernetes.io/job-tracking'], running: false }), endless);
  const { done, startedAt } = await start();
  assert.equal(await clock.until(done, 600_000), 'drained');
  assert.equal(clock.elapsed - startedAt, 30_000 + PAST_GRACE_MS);
  assert.deepEqual(
    cluster.evictions.map(({ name, reply }) => `${name} ${reply}`),
    ['web accepted', 'job accepted'],
  );
  const told = Object.fromEntries(recorder.of('pod skipped').map(({ pod, reason }) => [pod, reason]));
  assert.deepEqual(told, {
    'shop/web': 'the node is not ready, and the pod is past its grace period of 30 s: not waiting for it',
    'shop/job':
      'the node is not ready, and only finalizer batch.kubernetes.io/job-tracking keeps the pod: not waiting for it',
  });
});

// The kubelet may only have been restarted, or cut off for a while: its pods are still ending in good order.
test('a node that becomes ready again is waited for, also for pods that were given up', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('web'), endless);
  cluster.add(pod('other', { finalizers: ['x/y'], running: false }), endless);
  const { done } = await start();
  let over = false;
  done.then(() => {
    over = true;
  });
  cluster.node.setReady('Unknown');
  await clock.advance(80_000);
  cluster.node.setReady('True');
  await clock.advance(3_600_000);
  assert.equal(over, false);
  cluster.node.setReady('Unknown');
  await clock.settle();
  assert.equal(await done, 'drained');
});
