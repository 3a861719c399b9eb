import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEAD_AFTER_MS } from '../../../app/drain/node-watch.ts';
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
    'shop/web': 'the kubelet is dead, and the pod is past its grace period of 30 s: not waiting for it',
    'shop/job':
      'its containers have ended, and only finalizer batch.kubernetes.io/job-tracking keeps the pod: not waiting for it',
  });
});

// The kubelet may only have been restarted, or cut off for a while: its pods are still ending in good order.
test('a kubelet that comes back is waited for, until it has been silent for a minute without interruption', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('web'), endless);
  const { done } = await start();
  let over = false;
  done.then(() => {
    over = true;
  });
  // 89 s after its eviction the pod is not past its grace period; the kubelet has been dead for 29 s by then.
  cluster.node.setReady('Unknown');
  await clock.advance(89_000);
  cluster.node.setReady('True');
  await clock.advance(3_600_000);
  assert.equal(over, false);
  cluster.node.setReady('Unknown');
  await clock.advance(DEAD_AFTER_MS - 1);
  assert.equal(over, false);
  await clock.advance(1);
  assert.equal(await done, 'drained');
});

// `False` is posted by a living kubelet (full disk, no network plugin), and its pods still shut down in good order.
// https://kubernetes.io/docs/reference/node/node-status/#condition
test('a kubelet that reports not to be ready, or flaps, is alive', async () => {
  const flaps = (cluster: ReturnType<typeof draining>['cluster'], second: number) =>
    cluster.node.setReady(second % 50 === 0 ? 'True' : 'Unknown');
  const isFalse = (cluster: ReturnType<typeof draining>['cluster']) => cluster.node.setReady('False');
  for (const turn of [flaps, isFalse]) {
    const { clock, cluster, recorder, start } = draining();
    cluster.add(pod('slow'), { shutdownMs: 1_200_000 });
    const { done, startedAt } = await start();
    for (let second = 0; second < 1_199; second++) {
      turn(cluster, second);
      await clock.advance(1_000);
    }
    assert.equal(await clock.until(done, 60_000), 'drained');
    assert.equal(clock.elapsed - startedAt, 1_200_000);
    assert.deepEqual(recorder.of('pod skipped'), []);
  }
});

// A finalizer whose controller is gone keeps a pod in the API for ever: the instance would stay for two days for nothing.
// On a living kubelet its controller may only be slow, and is waited for: FINALIZER_SECONDS.
test('on a living kubelet a pod that only a finalizer keeps is waited for five minutes after its containers ended', () => {
  const held = ending({ running: false, finalizers: ['example.com/hold'] });
  const seen = observed({ pods: [held], terminatingSince: since, endedSince: { ending: now + 10_000 } });
  const until = now + 10_000 + 300_000;
  const before = planned(seen, until - 1);
  assert.deepEqual([actionsByPod(before), before.wakeAt], [{ ending: 'wait terminating' }, until]);
  assert.deepEqual(actionsByPod(planned(seen, until)), { ending: 'skip finalizer only' });
  assert.deepEqual(actionsByPod(planned(seen, now + 10_000 + 5_000, { finalizerMs: 5_000 })), {
    ending: 'skip finalizer only',
  });
  const running = observed({ pods: [ending({ finalizers: ['example.com/hold'] })], terminatingSince: since });
  assert.equal(planned(running, until + 86_400_000).decisions[0]?.action, 'wait');
});

test('a drain on a living kubelet reports a pod that only a finalizer keeps, and ends after FINALIZER_SECONDS', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('held', { finalizers: ['example.com/hold'] }), endless);
  const { done, startedAt } = await start({ finalizerMs: 120_000 });
  await clock.advance(20_000);
  cluster.change('shop/held#1', { running: false, ready: false });
  assert.equal(await clock.until(done, 600_000), 'drained');
  assert.equal(clock.elapsed - startedAt, 140_000);
  assert.deepEqual(
    recorder.of('pod skipped').map(({ pod, reason, lost }) => [pod, reason, lost]),
    [
      [
        'shop/held',
        'its containers have ended, and only finalizer example.com/hold keeps the pod: not waiting for it',
        false,
      ],
    ],
  );
});

// A second look at the same node would wait for the finalizer, and for the five minutes, once more.
test('a pod that only a finalizer keeps, and that an earlier drain of the node has skipped, is not waited for again', () => {
  const held = ending({ running: false, finalizers: ['example.com/hold'] });
  const seen = observed({ pods: [held], terminatingSince: since, skippedBefore: ['ending'] });
  assert.deepEqual(actionsByPod(planned(seen, now)), { ending: 'skip finalizer only' });
});
