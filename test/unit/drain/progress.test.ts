import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };

// A drain that waits in silence for an hour looks like one that hangs.
test('every 30 seconds one event says all that remains, and why each', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('held', { finalizers: ['example.com/hold'] }), endless);
  for (const one of podsOf('web', 2)) cluster.add(one, endless);
  cluster.budgets.add('web', 2);
  cluster.latencyMs = 50;
  const { startedAt } = await start();
  await clock.advance(100_000);
  assert.deepEqual(
    recorder.timesOf('waiting for pods', clock.startedAt + startedAt).map((at) => Math.round(at / 1_000)),
    [30, 60, 90],
  );
  for (const [index, { remaining }] of recorder.of('waiting for pods').entries()) {
    assert.deepEqual(Object.fromEntries(remaining.map(({ pod, reason }) => [pod, reason])), {
      'shop/held': `terminating for ${30 * (index + 1)} s of 30 s grace, held by finalizer example.com/hold`,
      'shop/web-0': 'budget web allows no disruption (2 of 2 healthy, 2 needed)',
      'shop/web-1': 'budget web allows no disruption (2 of 2 healthy, 2 needed)',
    });
  }
});

// Whoever is called about a blocked drain has to find the owner of the pods first, and the budget.
test('a pod that a budget blocks is reported with the budget and its owner, and other pods without', async () => {
  const { clock, cluster, recorder, start } = draining();
  const controller = { kind: 'ReplicaSet', name: 'web-7f9c' };
  cluster.add(pod('held', { controller, finalizers: ['example.com/hold'] }), endless);
  for (const one of podsOf('web', 2)) cluster.add({ ...one, controller }, endless);
  cluster.budgets.add('web', 2);
  await start();
  await clock.advance(40_000);
  const remaining = recorder.of('waiting for pods')[0]?.remaining ?? [];
  const blocked = remaining.filter((pod) => pod.blocked);
  assert.ok(blocked.length > 0 && blocked.length < remaining.length);
  for (const { budgets, owner } of blocked) {
    assert.deepEqual([budgets, owner], [['shop/web'], 'ReplicaSet shop/web-7f9c']);
  }
  const others = remaining.filter((pod) => !pod.blocked);
  assert.ok(others.every(({ budgets, owner }) => budgets === undefined && owner === undefined));
});

// A line for every look at a blocked pod would bury the log of a long drain.
test('that a pod waits is said once for each time it is refused', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 3)) cluster.add(one, endless);
  cluster.add(pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }));
  cluster.budgets.add('web', 3);
  await start();
  await clock.advance(9_000);
  for (const _ of podsOf('churn', 20)) {
    cluster.relist();
    await clock.settle();
  }
  assert.deepEqual(
    recorder.of('pod waiting').map(({ pod, waitReason }) => `${pod} ${waitReason}`),
    ['shop/web-0 budget', 'shop/web-1 budget', 'shop/web-2 budget'],
  );
  assert.equal(recorder.of('pod skipped').length, 1);
});

// The action's end terminates the instance under whatever is left: somebody may want to know before, not after.
test('within the last tenth of the lifecycle action the pods that remain are named, once', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('slow'), endless);
  const endsAt = clock.now() + 1_000 + 3_600_000;
  const { startedAt } = await start({ action: { endsAt, warnAt: endsAt - 360_000 } });
  await clock.advance(3_239_999);
  assert.equal(recorder.of('action ending soon').length, 0);
  await clock.advance(300_000);
  assert.deepEqual(recorder.timesOf('action ending soon', clock.startedAt + startedAt), [3_240_000]);
  const [warning] = recorder.of('action ending soon');
  assert.equal(warning?.actionEndsAt, endsAt);
  assert.deepEqual(
    warning.remaining.map(({ pod }) => pod),
    ['shop/slow'],
  );
});

// "0 pods to drain" before the API has told anything is not what the first look came to.
test('what was planned is told once, and not before there is a list', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 3)) cluster.add(one);
  const outage = cluster.outage();
  const { done } = await start();
  await clock.advance(5_000);
  assert.deepEqual(recorder.of('planned'), []);
  outage.end();
  await clock.until(done, 60_000);
  assert.deepEqual(recorder.of('planned'), [{ type: 'planned', toDrain: 3, toSkip: 0 }]);
});
