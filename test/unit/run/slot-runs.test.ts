import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { FakeLeases } from '../../support/fake-leases.ts';
import { pod } from '../../support/objects.ts';
import { runFixture } from '../../support/run-fixture.ts';

const never = new AbortController().signal;
const SLOT = 'slot-cluster-0';

/** A run whose only slot another drain holds, which dies: its slot is free after 40 s. */
function waitingRun() {
  const all = runFixture();
  const leases = new FakeLeases(all.clock);
  all.facts.leases = leases.directory();
  all.cluster.add(pod('web-0'));
  const queue = {
    kind: 'slot',
    name: SLOT,
    holder: 'node-z',
    durationMs: 40_000,
    startedAt: 0,
    acquiredAt: 0,
  } as const;
  return { ...all, leases, occupy: () => leases.directory().create(queue, never) };
}

// A node that is not cordoned takes the pods of the others, and one without heartbeats is terminated undrained.
test('with MAX_CONCURRENT_DRAINS only the evictions wait for a slot: cordon and heartbeats do not', async () => {
  const { clock, cluster, hook, leases, occupy, recorder, run } = waitingRun();
  await occupy();
  assert.equal(await run({ maxConcurrentDrains: 1 }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(recorder.timesOf('cordoned', clock.startedAt), [0]);
  assert.equal(cluster.evictions[0]?.at, 40_000);
  assert.deepEqual(hook.beats.slice(0, 1), [0]);
  assert.match(
    recorder.of('waiting for slot')[0]?.reason ?? '',
    /1 of 1 drains of the cluster are running \(node node-z/,
  );
  assert.equal(leases.leases.size, 0, 'the slot is given back');
});

test('without it no lease is read or written', async () => {
  const { leases, occupy, run } = waitingRun();
  await occupy();
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.equal(leases.writes.length, 1);
});

// The volumes of a StatefulSet's pod are attached elsewhere only when they are detached here.
test('a drain keeps its slot until the volumes of its pods are detached', async () => {
  const { cluster, leases, run, volumes } = waitingRun();
  cluster.add(pod('db-0', { claims: ['data'] }));
  volumes.attach('shop/data', 50_000);
  assert.equal(await run({ maxConcurrentDrains: 1 }), 'drained, hook CONTINUE, exit 0');
  const [removed] = leases.writes.filter(({ how }) => how === 'remove');
  assert.ok((removed?.at ?? 0) >= 50_000, `given back after ${removed?.at} ms`);
});

test('a run that is stopped leaves its slot to its successor', async () => {
  const { clock, cluster, facts, leases, run, stop } = waitingRun();
  cluster.add(pod('slow'), { shutdownMs: Number.POSITIVE_INFINITY });
  facts.ports = { successors: { start: async () => ({ kind: 'started', task: 'arn:task/2' }) } };
  clock.sleep(60_000, never).then(() => stop.abort(new Stopped('SIGTERM')));
  assert.equal(await run({ maxConcurrentDrains: 1 }), 'handed over, hook untouched, exit 0');
  assert.equal(leases.leases.get(SLOT)?.durationMs, 180_000);
});

test('without the rights for leases, or for pods of other nodes, the drain goes on', async () => {
  const { cluster, facts, leases, recorder, run } = waitingRun();
  leases.refusal = new Denied('leases.coordination.k8s.io is forbidden');
  facts.room = () => Promise.reject(new Denied('pods is forbidden'));
  assert.equal(await run({ maxConcurrentDrains: 1, roomTimeoutMs: 600_000 }), 'drained, hook CONTINUE, exit 0');
  assert.equal(recorder.of('warning').length, 2);
  assert.equal(cluster.evictions[0]?.at, 0);
});

// Thirty drains that look at the same moment all see the same free node.
test('room is looked for when the drain has its slot', async () => {
  const { clock, facts, occupy, run } = waitingRun();
  await occupy();
  const looked: number[] = [];
  facts.room = async () => {
    looked.push(clock.elapsed);
    return { leaving: [], pending: [], nodes: [] };
  };
  assert.equal(await run({ maxConcurrentDrains: 1, roomTimeoutMs: 600_000 }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(looked, [40_000]);
});
