import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../../support/draining.ts';
import { actionsByPod, observed, planned, pod } from '../../support/objects.ts';

const now = 1_000_000;
const asking = pod('job', { doNotDisrupt: { source: 'node-drainer/wait' } });

// A training run of ten hours that is evicted in its last minute begins again.
test('a pod that asks for time has it until the time is over', () => {
  const seen = observed({ pods: [asking, pod('web')] });
  const before = planned(seen, now, { doNotDisruptUntil: now + 1 });
  assert.deepEqual([actionsByPod(before), before.wakeAt], [{ job: 'wait do-not-disrupt', web: 'evict' }, now + 1]);
  assert.deepEqual(actionsByPod(planned(seen, now, { doNotDisruptUntil: now })), { job: 'evict', web: 'evict' });
});

// The time that it asks for ends with the instance, or with the patience of whoever set the deadline.
test('no time is given once the deadline forces, or the pod has to end now to have its whole grace period', () => {
  const seen = observed({ pods: [asking] });
  const doNotDisruptUntil = now + 60_000;
  assert.deepEqual(actionsByPod(planned(seen, now, { doNotDisruptUntil, force: true })), { job: 'delete' });
  assert.deepEqual(
    actionsByPod(planned(seen, now, { doNotDisruptUntil, certainEnd: { at: now + 30_000, marginMs: 0 } })),
    {
      job: 'evict',
    },
  );
});

test('a pod that uses its time to finish is never asked, and the drain ends as soon as it has', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(asking);
  cluster.add(pod('web'));
  const { done, startedAt } = await start({ doNotDisruptUntil: clock.now() + 3_600_000 });
  await clock.advance(1_800_000);
  cluster.change(asking.uid, { phase: 'Succeeded', ready: false, running: false });
  assert.equal(await clock.until(done, 1_000), 'drained');
  assert.ok(clock.elapsed - startedAt <= 1_801_000);
  assert.deepEqual(
    cluster.evictions.map(({ name }) => name),
    ['web'],
  );
  const [waits, ...more] = recorder.of('pod waiting');
  assert.deepEqual(more, []);
  assert.equal(waits?.waitReason, 'do-not-disrupt');
  assert.match(waits.reason, /^not disrupted until 2026-01-02T04:04:05\.000Z, because of node-drainer\/wait$/);
});

// A pod that never ends by itself must not turn the annotation into a veto.
test('a pod that goes on when its time is over is evicted at that moment', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(asking, { shutdownMs: 100 });
  const { done, startedAt } = await start({ doNotDisruptUntil: clock.now() + 1_000 + 900_000 });
  assert.equal(await clock.until(done, 1_000_000), 'drained');
  assert.deepEqual(
    cluster.evictions.map(({ name, at }) => [name, at - startedAt]),
    [['job', 900_000]],
  );
});

// Whoever annotated the pod reads in the log that it was noticed, and why it went all the same.
test('a pod that asks for time and gets none is reported when it is evicted, once', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(asking);
  const { done } = await start({ doNotDisruptUntil: clock.now() });
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.deepEqual(
    recorder.of('warning').map(({ message }) => message),
    [`pod ${asking.namespace}/job: evicted in spite of node-drainer/wait, because its time is over`],
  );
});

// "4h" read as "true" holds the node for as long as we let it; read as nothing, it costs the job its last hour.
// https://karpenter.sh/docs/concepts/disruption/#pod-level-controls
test('a pod that asks for a duration has it, and no longer, within DO_NOT_DISRUPT_SECONDS', () => {
  const job = pod('job', { doNotDisrupt: { source: 'karpenter.sh/do-not-disrupt=4h', until: now + 60_000 } });
  const at = (time: number, doNotDisruptUntil: number) => {
    const { wakeAt, ...result } = planned(observed({ pods: [job] }), time, { doNotDisruptUntil });
    return [actionsByPod({ ...result, wakeAt })['job'], wakeAt];
  };
  const longer = now + 90_000;
  assert.deepEqual(at(now, longer), ['wait do-not-disrupt', now + 60_000]);
  assert.deepEqual(at(now + 59_999, longer), ['wait do-not-disrupt', now + 60_000]);
  assert.deepEqual(at(now + 60_000, longer), ['evict', undefined]);
  assert.deepEqual(at(now, now + 5_000), ['wait do-not-disrupt', now + 5_000]);
  assert.deepEqual(at(now + 5_000, now + 5_000), ['evict', undefined]);
});

// Whoever writes "4 hours" must learn that it protects nothing, and not from the loss of the job.
test('a value that is neither true nor a duration is told once, and the pod is evicted', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('job', { invalidAnnotations: ['karpenter.sh/do-not-disrupt=4 hours'] }), { shutdownMs: 60_000 });
  const { done } = await start({ doNotDisruptUntil: clock.now() + 3_600_000 });
  assert.equal(await clock.until(done, 120_000), 'drained');
  assert.deepEqual(
    recorder.of('warning').map(({ message }) => message),
    ['pod shop/job: ignoring karpenter.sh/do-not-disrupt=4 hours: neither true nor a duration such as 30m'],
  );
});

// `cluster.x-k8s.io/drain: skip`, `node-drainer/skip: "true"` and a toleration of karpenter.sh/disrupted say: until the instance ends.
// https://cluster-api.sigs.k8s.io/tasks/automated-machine-management/machine_deletions
test('a pod that asks to stay is neither evicted nor waited for, not even when its end has come', async () => {
  const stays = pod('stays', { staysBy: 'cluster.x-k8s.io/drain=skip' });
  const seen = observed({
    pods: [stays, pod('ending', { staysBy: 'x', deletion: { deadline: now, graceSeconds: 30 } })],
  });
  for (const more of [{}, { force: true }, { certainEnd: { at: now, marginMs: 0 } }]) {
    assert.deepEqual(actionsByPod(planned(seen, now, more)), { stays: 'skip stays', ending: 'skip stays' });
  }
  const { clock, cluster, recorder, start } = draining();
  cluster.add(stays);
  cluster.add(pod('web'));
  const { done } = await start();
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.deepEqual(
    cluster.onNode().map(({ name }) => name),
    ['stays'],
  );
  assert.deepEqual(
    recorder.of('pod skipped').map(({ reason, lost }) => [reason, lost]),
    [['asks to stay on the node by cluster.x-k8s.io/drain=skip', false]],
  );
});
