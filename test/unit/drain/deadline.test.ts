import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../../support/draining.ts';
import { podsOf } from '../../support/objects.ts';

/** A drain of two pods that no budget will ever let go, with 47 seconds for it. */
async function blockedFor(policy: 'continue' | 'abandon' | 'force') {
  const drain = draining();
  for (const one of podsOf('web', 2)) drain.cluster.add(one, { shutdownMs: 5_000 });
  drain.cluster.budgets.add('web', 2);
  const at = drain.clock.now() + 1_000 + 47_000;
  return { ...drain, ...(await drain.start({ deadlineAt: at, onDeadline: policy })) };
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
