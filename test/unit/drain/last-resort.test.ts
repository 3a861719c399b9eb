import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };

/** A drain whose lifecycle action ends after an hour, and which is in a hurry for the last two minutes of it. */
async function hurrying() {
  const drain = draining();
  const at = drain.clock.now() + 1_000 + 3_600_000;
  const action = { endsAt: at, warnAt: at - 360_000, lastResortAt: at - 113_000 };
  return { ...drain, begin: () => drain.start({ action, doNotDisruptUntil: at }) };
}

// The instance is cut off at the action's end: what was not even asked by then had no chance to shut down.
test('shortly before the lifecycle action ends, all that is left is asked at once, and named', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  cluster.add(pod('stuck'), endless);
  cluster.add(pod('dns', { critical: true }), { shutdownMs: 1_000 });
  cluster.add(pod('job', { doNotDisrupt: { source: 'node-drainer/wait' } }), { shutdownMs: 1_000 });
  const { startedAt } = await start();
  await clock.advance(3_486_999);
  assert.deepEqual(
    cluster.evictions.map(({ name }) => name),
    ['stuck'],
  );
  await clock.advance(1);
  assert.deepEqual(
    cluster.evictions.slice(1).map(({ name, at }) => [name, at - startedAt]),
    [
      ['dns', 3_487_000],
      ['job', 3_487_000],
    ],
  );
  await clock.advance(100_000);
  assert.deepEqual(recorder.timesOf('last resort', clock.startedAt + startedAt), [3_487_000]);
  assert.deepEqual(
    recorder.of('last resort')[0]?.remaining.map(({ pod }) => pod),
    ['shop/stuck', 'shop/dns', 'shop/job'],
  );
});

// A budget is somebody's promise to their users. Only ON_DEADLINE=force breaks it.
test('the last resort asks; it does not delete what a budget holds', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  for (const one of podsOf('web', 2)) cluster.add(one, endless);
  cluster.budgets.add('web', 2);
  await start();
  await clock.advance(3_590_000);
  assert.equal(cluster.onNode().length, 2);
  assert.ok(recorder.of('eviction requested').every(({ action }) => action === 'evict'));
  assert.ok(cluster.evictions.every(({ reply }) => reply === 'blocked'));
});

test('a drain that is over in time never comes to the last resort', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  cluster.add(pod('web'), { shutdownMs: 60_000 });
  const { done } = await start();
  assert.equal(await clock.until(done, 120_000), 'drained');
  await clock.advance(3_600_000);
  assert.deepEqual(recorder.of('last resort'), []);
});

// "3 pods remain" is nothing that the owner of a pod can search the log of a thousand drains for.
test('each pod that is still there is told of by itself when the last resort begins, with what kept it', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  for (const one of podsOf('web', 2)) cluster.add(one, endless);
  cluster.budgets.add('web', 2);
  cluster.add(pod('held', { finalizers: ['example.com/hold'] }), endless);
  cluster.add(pod('job', { doNotDisrupt: { source: 'node-drainer/wait' } }), endless);
  cluster.add(pod('dns', { critical: true }), endless);
  cluster.add(pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }));
  const { startedAt } = await start();
  const endsAt = clock.now() + 3_600_000;
  await clock.advance(3_486_999);
  assert.deepEqual(recorder.of('pod at risk'), []);
  await clock.advance(60_000);
  const told = recorder.of('pod at risk');
  assert.deepEqual(Object.fromEntries(told.map(({ pod, reason }) => [pod.replace('shop/', ''), reason])), {
    'web-0': 'budget web allows no disruption (2 of 2 healthy, 2 needed)',
    'web-1': 'budget web allows no disruption (2 of 2 healthy, 2 needed)',
    held: 'terminating for 3487 s of 30 s grace, held by finalizer example.com/hold',
    job: `not disrupted until ${new Date(endsAt).toISOString()}, because of node-drainer/wait`,
    dns: 'waits for 4 pods of lower priority',
  });
  assert.equal(told.length, 5, 'once each, however long it lasts');
  assert.deepEqual(new Set(recorder.timesOf('pod at risk', clock.startedAt + startedAt)), new Set([3_487_000]));
  assert.equal(recorder.of('last resort')[0]?.actionEndsAt, endsAt);
});

// A task that takes over in the last minute begins with an API that has told nothing yet: nobody would be named.
test('a drain that begins within the last resort names the pods as soon as it knows them, and latePods too', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('stuck'), endless);
  const outage = cluster.outage();
  const at = clock.now() + 61_000;
  const { startedAt } = await start({ action: { endsAt: at, warnAt: at, lastResortAt: at - 120_000 } });
  await clock.advance(5_000);
  assert.deepEqual([recorder.of('last resort'), recorder.of('pod at risk')], [[], []]);
  outage.end();
  await clock.settle();
  assert.deepEqual(
    recorder.of('last resort').map(({ remaining }) => remaining.length),
    [1],
  );
  cluster.add(pod('late'), endless);
  await clock.advance(5_000);
  assert.deepEqual(
    recorder.of('pod at risk').map(({ pod }) => pod),
    ['shop/stuck', 'shop/late'],
  );
  assert.deepEqual(recorder.timesOf('last resort', clock.startedAt + startedAt), [5_000]);
});
