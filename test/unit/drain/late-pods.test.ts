import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_RETURNS, RETURNS_FORGOTTEN_MS } from '../../../app/drain/plan.ts';
import { draining } from '../../support/draining.ts';
import { actionsByPod, observed, planned, pod } from '../../support/objects.ts';

const now = 1_000_000;
const operator = { controller: { kind: 'ReplicaSet', name: 'operator' } };
const returning = { shutdownMs: 5_000, replacedAfterMs: 200, returnsToNode: true };

// An operator that tolerates everything is put on the emptied node again and again: three evictions a second, and it never runs.
test('a pod that no cordon keeps away is sent away a few times, ever more slowly, and then stays', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('operator', operator), returning);
  cluster.add(pod('web'));
  const { done, startedAt } = await start();
  assert.equal(await clock.until(done, 180_000), 'drained');
  const evicted = cluster.evictions.filter(({ name }) => name !== 'web').map(({ at }) => at - startedAt);
  assert.equal(evicted.length, 7);
  const pauses = evicted.slice(1).map((at, index) => at - (evicted[index] ?? 0));
  assert.ok(
    pauses.every((pause, index) => index < 2 || pause > (pauses[index - 1] ?? 0) / 2),
    pauses.join(),
  );
  assert.match(recorder.of('pod skipped').at(-1)?.reason ?? '', /keeps returning to this node/);
});

// Pods that were bound to the node before the cordon arrive late, and are no returns: each must leave at once.
test('late pods of several controllers leave at once', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('web'), { shutdownMs: 2_000 });
  const { done, startedAt } = await start();
  await clock.advance(500);
  for (const name of ['a', 'b', 'c']) {
    for (const index of [1, 2]) cluster.add(pod(`${name}-${index}`, { controller: { kind: 'ReplicaSet', name } }));
  }
  assert.equal(await clock.until(done, 10_000), 'drained');
  assert.ok(cluster.evictions.every(({ at }) => at - startedAt <= 600));
  assert.equal(cluster.evictions.length, 7);
});

// An operator that came back six times in its first minutes was left for dead two hours later, with all its pods.
test('returns are forgotten after ten minutes without one', () => {
  const one = pod('operator', operator);
  const at = (time: number, count: number) => {
    const returns = { operator: { count, notBefore: now, lastAt: now } };
    return actionsByPod(planned(observed({ pods: [one], unverified: ['operator'], returns }), time))['operator'];
  };
  assert.equal(at(now + RETURNS_FORGOTTEN_MS - 1, MAX_RETURNS), 'skip keeps returning');
  assert.equal(at(now + RETURNS_FORGOTTEN_MS, MAX_RETURNS), 'wait unverified');
  assert.equal(at(now + 1, MAX_RETURNS - 1), 'wait unverified');
});

test('a controller whose last return is forgotten is given its six returns again', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('slow'), { shutdownMs: 3_600_000 });
  const { done } = await start();
  const returnTimes = async (times: number) => {
    const before = cluster.evictions.length;
    for (let time = 0; time < times; time++) {
      cluster.add(pod(`operator-${clock.elapsed}`, operator));
      await clock.advance(61_000);
    }
    return cluster.evictions.length - before;
  };
  assert.equal(await returnTimes(7), 6);
  await clock.advance(RETURNS_FORGOTTEN_MS);
  for (const { uid, name } of cluster.onNode()) if (name !== 'slow') cluster.vanish(uid);
  assert.equal(await returnTimes(3), 3);
  await clock.until(done, 7_200_000);
});

// Nobody ends a pod that is left to itself: the instance cuts it off, and its owner looks for its name.
test('a pod that is left because it keeps returning is reported as one that will be lost', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('operator', operator), returning);
  cluster.add(pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }));
  const { done } = await start();
  await clock.until(done, 180_000);
  assert.deepEqual(
    recorder.of('pod skipped').map(({ pod, lost }) => [pod.replace(/new-\d+/, 'new'), lost]),
    [
      ['shop/agent', false],
      ['shop/new', true],
    ],
  );
});
