import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';

/** A drain of two pods that no budget will ever let go, with 47 seconds for it. */
async function blockedFor(policy: 'continue' | 'abandon' | 'force', lastResort: 'delete' | 'evict' = 'evict') {
  const drain = draining();
  for (const one of podsOf('web', 2)) drain.cluster.add(one, { shutdownMs: 5_000 });
  drain.cluster.budgets.add('web', 2);
  const at = drain.clock.now() + 1_000 + 47_000;
  return { ...drain, ...(await drain.start({ deadlineAt: at, onDeadline: policy, lastResort })) };
}

// DRAIN_DEADLINE_SECONDS that is looked at only when something happens would pass unnoticed.
test('at its deadline the drain ends, and names what is left', async () => {
  for (const policy of ['continue', 'abandon'] as const) {
    const { clock, cluster, recorder, done, startedAt } = await blockedFor(policy);
    assert.equal(await clock.until(done, 120_000), 'deadline');
    assert.equal(clock.elapsed - startedAt, 47_000);
    const [deadline] = recorder.of('deadline');
    assert.equal(deadline?.policy, policy);
    assert.deepEqual(deadline.remaining.map(({ pod }) => pod).sort(), ['shop/web-0', 'shop/web-1']);
    assert.equal(cluster.onNode().length, 2);
  }
});

// force says: delete, with the pod's own grace period. Ending the drain right then would cut that short.
test('force deletes what is left at the deadline, and waits until it is gone', async () => {
  const { clock, cluster, recorder, done, startedAt } = await blockedFor('force');
  await clock.advance(46_000);
  assert.equal(cluster.onNode().length, 2);
  assert.equal(await clock.until(done, 120_000), 'drained');
  assert.equal(clock.elapsed - startedAt, 52_000);
  assert.deepEqual(cluster.onNode(), []);
  assert.equal(recorder.of('deadline').length, 1);
  assert.deepEqual(recorder.of('eviction requested').filter(({ action }) => action === 'delete').length, 2);
});

test('a drain that is done before its deadline is drained', async () => {
  const { clock, cluster, start } = draining();
  for (const one of podsOf('web', 2)) cluster.add(one, { shutdownMs: 5_000 });
  const { done } = await start({ deadlineAt: clock.now() + 61_000, onDeadline: 'abandon' });
  assert.equal(await clock.until(done, 120_000), 'drained');
});

// A deadline that ends the instance cuts its pods off like the end of the action: whoever set it did not mean that.
// https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/controllers/node/termination/terminator/terminator.go
test('a deadline is a certain end: blocked pods are deleted in time to have their grace period before it', async () => {
  const { clock, cluster, done, startedAt } = await blockedFor('continue', 'delete');
  assert.equal(await clock.until(done, 120_000), 'drained');
  assert.deepEqual(
    cluster.deletions.map(({ name, uid, at }) => [name, uid, at - startedAt]),
    [
      ['web-0', 'shop/web-0#1', 17_000],
      ['web-1', 'shop/web-1#1', 17_000],
    ],
  );
});

// With force the drain goes on after its deadline: no pod is cut off then, and none has to break its budget before.
test('with ON_DEADLINE=force the deadline is no certain end', async () => {
  const { clock, cluster, recorder, done, startedAt } = await blockedFor('force', 'delete');
  assert.equal(await clock.until(done, 120_000), 'drained');
  assert.deepEqual(
    cluster.deletions.map(({ at }) => at - startedAt),
    [47_000, 47_000],
  );
  assert.deepEqual(recorder.of('last resort'), []);
});

// A webhook denies evictions only: its refusal just before the deadline used to put off the promised deletion for a minute.
test('force deletes at the deadline what a webhook has refused to evict a moment ago', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('vm'), { shutdownMs: 1_000 });
  cluster.webhook = (_, how) => (how === 'evict' ? 'admission webhook "virt" denied the request' : undefined);
  const { done, startedAt } = await start({ deadlineAt: clock.now() + 1_000 + 35_000, onDeadline: 'force' });
  assert.equal(await clock.until(done, 120_000), 'drained');
  assert.deepEqual(
    cluster.deletions.map(({ at }) => at - startedAt),
    [35_000],
  );
});
