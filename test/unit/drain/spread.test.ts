import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Denied } from '../../../app/lib/errors.ts';
import { draining } from '../../support/draining.ts';
import { actionsByPod, budget, observed, planned, pod } from '../../support/objects.ts';
import { Seeded } from '../../support/seeded.ts';

const SPREAD_MS = 300_000;

/** Pods of one ReplicaSet on the node, each of which is replaced on another node. */
function onNode(
  { cluster }: ReturnType<typeof draining>,
  count: number,
  { replicas = count, readyAfterMs }: { replicas?: number; readyAfterMs?: number },
) {
  const controller = cluster.workloads.add('web', replicas);
  const behaviour = { shutdownMs: 1_000, ...(readyAfterMs !== undefined && { replacedAfterMs: readyAfterMs }) };
  for (let n = 0; n < count; n++) cluster.add(pod(`web-${n}`, { controller }), behaviour);
  return controller;
}

describe('pods of one workload without a budget', () => {
  // https://github.com/kubernetes/kubernetes/issues/31487: without a budget, `kubectl drain` evicts all replicas at once.
  test('go one after the other, each when the one before is ready on another node', async () => {
    const one = draining();
    const { cluster, clock, start } = one;
    onNode(one, 3, { readyAfterMs: 8_000 });
    const { done, startedAt } = await start({ spreadMs: SPREAD_MS });
    await clock.advance(60_000);
    assert.equal(await done, 'drained');
    assert.deepEqual(
      cluster.evictions.map(({ at }) => Math.round((at - startedAt) / 1_000)),
      [0, 8, 16],
    );
    assert.equal(cluster.observers, 0);
    assert.deepEqual(cluster.workloads.watches, ['+ReplicaSet shop/web', '-ReplicaSet shop/web']);
  });

  // A quarter of a large workload can miss for a moment, as with a rolling update. One by one, forty pods take five minutes.
  test('go a quarter at a time', async () => {
    const one = draining();
    const { cluster, clock, start } = one;
    onNode(one, 8, { replicas: 20, readyAfterMs: 8_000 });
    for (let n = 0; n < 12; n++) {
      cluster.add(pod(`other-${n}`, { controller: { kind: 'ReplicaSet', name: 'web' } }), {}, false);
    }
    const { done, startedAt } = await start({ spreadMs: SPREAD_MS });
    await clock.advance(60_000);
    assert.equal(await done, 'drained');
    const times = cluster.evictions.map(({ at }) => Math.round((at - startedAt) / 1_000));
    assert.deepEqual(times, [0, 0, 0, 0, 0, 8, 8, 8]);
  });

  // The cluster has no room: the drain would never end, and the instance ends with all of them.
  test('go after SPREAD_SECONDS, if no other one becomes ready', async () => {
    const one = draining();
    const { cluster, clock, start, recorder } = one;
    onNode(one, 3, {});
    const { done, startedAt } = await start({ spreadMs: SPREAD_MS });
    await clock.advance(SPREAD_MS - 1_000);
    assert.equal(cluster.evictions.length, 1);
    await clock.advance(10_000);
    assert.equal(await done, 'drained');
    assert.deepEqual(
      cluster.evictions.map(({ at }) => Math.round((at - startedAt) / 1_000)),
      [0, 300, 300],
    );
    const waiting = recorder.recorded.flatMap(({ event }) => (event.type === 'pod waiting' ? [event.reason] : []));
    assert.ok(
      waiting.includes(
        'ReplicaSet shop/web has no budget, and 0 of its 3 pods are ready on other nodes: waits for the next one',
      ),
    );
  });

  // What the drainer may not read must not stop it: with the rights of an older version it drains as before.
  test('go at once, with one warning, if their workload may not be read', async () => {
    const one = draining();
    const { cluster, clock, start, recorder } = one;
    onNode(one, 3, { readyAfterMs: 8_000 });
    cluster.fault = (call) => (call === 'read workload' ? new Denied('no') : undefined);
    const { done, startedAt } = await start({ spreadMs: SPREAD_MS });
    await clock.advance(20_000);
    assert.equal(await done, 'drained');
    assert.ok(cluster.evictions.every(({ at }) => at - startedAt < 1_000));
    const warnings = recorder.recorded.filter(({ event }) => event.type === 'warning');
    assert.equal(warnings.length, 1);
  });

  // An outage of the API would hold a drain for ever.
  test('go after 15 s, if their workload cannot be read', async () => {
    const one = draining();
    const { cluster, clock, start } = one;
    onNode(one, 3, { readyAfterMs: 8_000 });
    const { Failure } = await import('../../../app/lib/errors.ts');
    cluster.fault = (call) => (call === 'read workload' ? new Failure('lost', { transient: true }) : undefined);
    const { done } = await start({ spreadMs: SPREAD_MS });
    await clock.advance(40_000);
    assert.equal(await done, 'drained');
  });
});

describe('the plan of pods without a budget', () => {
  const now = 1_000_000;
  const controller = { kind: 'ReplicaSet', name: 'web' };
  const workload = {
    name: 'web',
    namespace: 'shop',
    replicas: 2,
    selector: [],
    readyElsewhere: 1,
    leaving: [],
    since: now,
  };
  const one = pod('web-0', { controller, labels: { app: 'web' } });
  const planOf = (more: Partial<Parameters<typeof observed>[0]>, spreadMs = SPREAD_MS) =>
    actionsByPod(planned(observed({ pods: [one], ...more }), now, { spreadMs }))['web-0'];

  test('reads the budgets, then the workload, and sends the pod', () => {
    assert.equal(planOf({ budgets: 'unread' }), 'wait unread budgets');
    assert.equal(planOf({}), 'wait unread workload');
    assert.equal(planOf({ workloads: { 'web-0': workload } }), 'evict');
    assert.equal(planOf({ workloads: { 'web-0': 'unknown' } }), 'evict');
  });

  test('holds the last ready pod, and sends the only pod of a workload', () => {
    assert.equal(planOf({ workloads: { 'web-0': { ...workload, readyElsewhere: 0 } } }), 'wait spread');
    assert.equal(planOf({ workloads: { 'web-0': { ...workload, replicas: 1, readyElsewhere: 0 } } }), 'evict');
  });

  // Whose budget allows it goes, and whose pods serve nobody go: a Job, a pod that is not ready, a pod of nobody.
  test('leaves pods to their budgets, and does not hold pods that serve nobody', () => {
    const workloads = { 'web-0': { ...workload, readyElsewhere: 0 } };
    assert.equal(planOf({ workloads, budgets: [budget('web', 1)] }), 'evict');
    assert.equal(planOf({ workloads, pods: [{ ...one, ready: false }] }), 'evict');
    assert.equal(planOf({ pods: [{ ...one, controller: { kind: 'Job', name: 'web' } }] }), 'evict');
    assert.equal(planOf({ pods: [pod('web-0')] }), 'evict');
    assert.equal(planOf({ workloads }, 0), 'evict', 'UNBUDGETED=all');
  });
});

// Thirty nodes are replaced at once, each drain sees that enough pods are ready elsewhere, and all of them evict the last ones together.
test('several drains at the same moment keep the rule together, and one of them always goes on', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = new Seeded(seed);
    const replicas = 2 + random.whole(20);
    const controller = { kind: 'ReplicaSet', name: 'web' };
    const nodes = Array.from({ length: 1 + random.whole(5) }, (_, index) => `node-${index}`);
    const pods = Array.from({ length: replicas }, (_, index) => ({
      ...pod(`web-${index}`, { controller, uid: `${random.next()}`, ready: random.chance(0.8) }),
      node: random.chance(0.2) ? 'stays' : (nodes[random.whole(nodes.length)] ?? 'stays'),
    }));
    const ready = pods.filter((one) => one.ready);
    const sent = nodes.flatMap((node) => {
      const elsewhere = ready.filter((one) => one.node !== node);
      const workload = {
        ...{ name: 'web', namespace: 'shop', replicas, selector: [], since: 0 },
        readyElsewhere: elsewhere.length,
        leaving: elsewhere.filter((one) => one.node !== 'stays').map(({ uid }) => uid),
      };
      const here = pods.filter((one) => one.node === node);
      const workloads = Object.fromEntries(here.map(({ name }) => [name, workload]));
      const seen = observed({ pods: here, workloads });
      return planned(seen, 1, { spreadMs: SPREAD_MS }).decisions.filter(
        ({ action, pod }) => action === 'evict' && pod.ready,
      );
    });
    const missing = replicas - ready.length;
    const maxMissing = Math.max(1, Math.floor(replicas / 4));
    assert.ok(sent.length <= Math.max(0, maxMissing - missing), `seed ${seed}: ${sent.length} of ${replicas} go`);
    assert.ok(sent.length === 0 || ready.length - sent.length >= 1, `seed ${seed}: none is left`);
    const onDrained = ready.some((one) => one.node !== 'stays');
    if (missing < maxMissing && ready.length > 1 && onDrained)
      assert.ok(sent.length > 0, `seed ${seed}: nobody goes on`);
  }
});
