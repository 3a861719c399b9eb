import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../support/draining.ts';
import { pod, podsOf } from '../support/objects.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };

/** A drain whose lifecycle action ends after an hour, and which is in a hurry for the last two minutes of it. */
async function hurrying() {
  const drain = draining();
  const at = drain.clock.now() + 1_000 + 3_600_000;
  const actionEnd = { at, warnAt: at - 360_000, lastResortAt: at - 113_000 };
  return { ...drain, begin: () => drain.begin({ actionEnd, courtesyUntil: at }) };
}

// The instance is cut off at the action's end: what was not even asked by then had no chance to shut down.
test('shortly before the lifecycle action ends, all that is left is asked at once, and named', async () => {
  const { clock, cluster, recorder, begin } = await hurrying();
  cluster.add(pod('stuck'), endless);
  cluster.add(pod('dns', { critical: true }), { shutdownMs: 1_000 });
  cluster.add(pod('job', { asksForTime: 'node-drainer/wait' }), { shutdownMs: 1_000 });
  const { beganAt } = await begin();
  await clock.advance(3_486_999);
  assert.deepEqual(
    cluster.evictions.map(({ name }) => name),
    ['stuck'],
  );
  await clock.advance(1);
  assert.deepEqual(
    cluster.evictions.slice(1).map(({ name, at }) => [name, at - beganAt]),
    [
      ['dns', 3_487_000],
      ['job', 3_487_000],
    ],
  );
  await clock.advance(100_000);
  assert.deepEqual(recorder.timesOf('last resort', clock.startedAt + beganAt), [3_487_000]);
  assert.deepEqual(
    recorder.of('last resort')[0]?.remaining.map(({ pod }) => pod),
    ['shop/stuck', 'shop/dns', 'shop/job'],
  );
});

// A budget is somebody's promise to their users. Only ON_DEADLINE=force breaks it.
test('the last resort asks; it does not delete what a budget holds', async () => {
  const { clock, cluster, recorder, begin } = await hurrying();
  for (const one of podsOf('web', 2)) cluster.add(one, endless);
  cluster.budgets.add('web', 2);
  await begin();
  await clock.advance(3_590_000);
  assert.equal(cluster.onNode().length, 2);
  assert.ok(recorder.of('pod asked').every(({ how }) => how === 'evict'));
  assert.ok(cluster.evictions.every(({ reply }) => reply === 'blocked'));
});

test('a drain that is over in time never comes to the last resort', async () => {
  const { clock, cluster, recorder, begin } = await hurrying();
  cluster.add(pod('web'), { shutdownMs: 60_000 });
  const { done } = await begin();
  assert.equal(await clock.until(done, 120_000), 'drained');
  await clock.advance(3_600_000);
  assert.deepEqual(recorder.of('last resort'), []);
});
