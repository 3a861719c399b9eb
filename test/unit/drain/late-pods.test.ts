import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../../support/draining.ts';
import { pod } from '../../support/objects.ts';

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
