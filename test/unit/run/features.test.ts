import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { FakeHook } from '../../support/hooks.ts';
import { pod } from '../../support/objects.ts';
import { nodeOf, runFixture } from '../../support/run-fixture.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };
const agent = pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' }, claims: ['agent'] });

// The instance goes when the hook is completed: completed too early, the volume is forced off six minutes later.
test('the hook is completed when the volumes of the drained pods are detached, and not those of others', async () => {
  const { clock, cluster, recorder, volumes, run } = runFixture();
  cluster.add(pod('db-0', { claims: ['data', 'logs'] }), { shutdownMs: 1_000 });
  cluster.add(agent);
  volumes.attach('shop/data', 40_000);
  volumes.attach('shop/agent', Number.POSITIVE_INFINITY);
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.ok(clock.elapsed >= 40_000 && clock.elapsed <= 41_000, `${clock.elapsed} ms`);
  assert.deepEqual(recorder.of('volumes attached')[0]?.volumes, ['pv-shop-data']);
  assert.ok((recorder.of('summary')[0]?.summary.seconds['volumes'] ?? 0) >= 38);
});

test('volumes are not waited for when that is off, nor past a deadline', async () => {
  for (const more of [{ volumeDetachTimeoutMs: 0 }, { drainDeadlineMs: 5_000 }]) {
    const { clock, cluster, volumes, run } = runFixture();
    cluster.add(pod('db-0', { claims: ['data'] }), { shutdownMs: 1_000 });
    if ('drainDeadlineMs' in more) cluster.add(pod('stuck'), endless);
    volumes.attach('shop/data', Number.POSITIVE_INFINITY);
    await run(more);
    assert.deepEqual(volumes.asked, []);
    assert.ok(clock.elapsed <= 6_000);
  }
});

// Kubernetes itself forces a volume off a dead node after six minutes; nothing that we could wait for happens before.
test('a dead kubelet is given a minute to detach its volumes, and no more than it would have alive', async () => {
  for (const [volumeDetachTimeoutMs, afterMs] of [
    [300_000, 60_000],
    [20_000, 20_000],
  ] as const) {
    const { clock, cluster, recorder, volumes, run } = runFixture();
    cluster.add(pod('db-0', { claims: ['data'] }), { shutdownMs: 70_000 });
    volumes.attach('shop/data', Number.POSITIVE_INFINITY);
    clock.sleep(5_000, new AbortController().signal).then(() => cluster.node.setReady('Unknown'));
    assert.equal(await run({ volumeDetachTimeoutMs }), 'drained, hook CONTINUE, exit 0');
    assert.deepEqual(recorder.of('volumes still attached')[0], {
      type: 'volumes still attached',
      volumes: ['pv-shop-data'],
      waitedMs: afterMs,
    });
  }
});

// Evicted pods that find no place are down until the group has launched its next instance.
test('with WAIT_FOR_CAPACITY nothing is evicted before the group has its nodes, and the node is cordoned all the same', async () => {
  const { clock, cluster, facts, recorder, run } = runFixture();
  cluster.add(pod('web-0'));
  facts.capacity = async () => ({ desired: 1, inService: ['i-2'] });
  const all = facts.nodes;
  clock.sleep(55_000, new AbortController().signal).then(() => all.push(nodeOf('node-b', 'i-2')));
  assert.equal(await run({ capacityTimeoutMs: 600_000 }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(recorder.timesOf('cordoned', clock.startedAt), [0]);
  assert.equal(cluster.evictions[0]?.at, 60_000);
});

test('the capacity is not asked for unless that is on', async () => {
  const { facts, run } = runFixture();
  facts.capacity = () => assert.fail('nobody wants to know');
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
});

// LAST_RESORT_SECONDS counts from the end of the action that ends first, which began about when the run calls.
test('shortly before the first of several actions ends, the run asks all that is left', async () => {
  const { clock, cluster, facts, hook, recorder, run } = runFixture();
  const short = Object.assign(new FakeHook(clock, 'short'), { globalTimeoutSeconds: 3_000 });
  facts.action = { kind: 'pending', group: 'nodes', hooks: [hook, short] };
  cluster.add(pod('stuck'), endless);
  cluster.add(pod('dns', { critical: true }), endless);
  clock.sleep(2_950_000, new AbortController().signal).then(() => {
    hook.end();
    short.end();
  });
  await run({}, 4_000_000);
  assert.deepEqual(recorder.timesOf('last resort', clock.startedAt), [2_940_000]);
  assert.deepEqual(
    cluster.evictions.map(({ name, at }) => [name, at]),
    [
      ['stuck', 0],
      ['dns', 2_940_000],
    ],
  );
});

test('DO_NOT_DISRUPT_SECONDS counts from the beginning of the drain', async () => {
  const job = pod('job', { doNotDisrupt: { source: 'karpenter.sh/do-not-disrupt' } });
  for (const doNotDisruptMs of [0, 120_000]) {
    const { cluster, run } = runFixture();
    cluster.add(job);
    assert.equal(await run({ doNotDisruptMs }), 'drained, hook CONTINUE, exit 0');
    assert.equal(cluster.evictions[0]?.at, doNotDisruptMs);
  }
});

// `kubectl describe node` is often all that is left of a drain: its first and last words must get there.
test('the events of a run are recordedEvents, and its end waits for the last of them', async () => {
  const { calls, facts, recordedEvents, run } = runFixture();
  facts.flush = async () => {
    calls.push(`flush after ${recordedEvents.at(-1)}`);
  };
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.ok(recordedEvents.includes('cordoned'));
  assert.deepEqual(calls, ['cordon node-a', 'exclude node-a', 'flush after summary', 'close']);
});

// A run that drains nothing has no node to tell of, and a dry run writes nothing at all.
test('nothing is recordedEvents without a node, nor in a dry run', async () => {
  const missing = runFixture();
  missing.facts.nodes = [];
  await missing.run();
  const dry = runFixture();
  await dry.run({ dryRun: true });
  assert.deepEqual([missing.recordedEvents, dry.recordedEvents], [[], []]);
});

test('a dry run tells the order, who is given time, and what becomes of DaemonSets', async () => {
  const told = async (more: Parameters<ReturnType<typeof runFixture>['run']>[0]) => {
    const { cluster, calls, recorder, run } = runFixture();
    cluster.add(agent);
    cluster.add(pod('proxy', { controller: { kind: 'DaemonSet', name: 'proxy' }, toleratesEverything: true }));
    cluster.add(pod('dns', { critical: true }));
    cluster.add(pod('job', { doNotDisrupt: { source: 'node-drainer/wait' } }));
    cluster.add(pod('web'));
    assert.equal(await run({ dryRun: true, ...more }), 'dry run, hook untouched, exit 0');
    assert.deepEqual([calls, cluster.evictions], [['close'], []]);
    return recorder
      .of('dry run decision')
      .map(({ action, pod, reason }) => `${action} ${pod.replace('shop/', '')}: ${reason}`);
  };
  const proxy = 'skip proxy: belongs to DaemonSet proxy';
  assert.deepEqual(
    new Set(await told({})),
    new Set([
      'skip agent: belongs to DaemonSet agent',
      proxy,
      'wait dns: waits for 2 pods of lower priority',
      'evict job: to be evicted',
      'evict web: to be evicted',
    ]),
  );
  assert.deepEqual(
    new Set(await told({ drainDaemonSets: true, doNotDisruptMs: 60_000 })),
    new Set([
      'wait agent: waits for 3 pods of lower priority',
      `${proxy} and tolerates every taint: it would return`,
      'wait dns: waits for 2 pods of lower priority',
      'wait job: not disrupted until 2026-01-02T03:05:05.000Z, because of node-drainer/wait',
      'evict web: to be evicted',
    ]),
  );
});

// EC2 without the hook's group: `--node` and --even-if-not-terminating drain what is in no group, and have nobody to ask.
test('a node whose group is not known is drained without a look at its capacity', async () => {
  const { cluster, facts, run } = runFixture();
  cluster.add(pod('web-0'));
  facts.action = { kind: 'none', reason: 'it is in no group' };
  facts.capacity = () => Promise.reject(new Failure('there is no group'));
  assert.equal(await run({ force: true, capacityTimeoutMs: 600_000 }), 'drained, hook untouched, exit 0');
  assert.equal(cluster.evictions[0]?.at, 0);
});
