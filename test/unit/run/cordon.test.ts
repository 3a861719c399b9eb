import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { pod } from '../../support/objects.ts';
import { runFixture } from '../../support/run-fixture.ts';
import { untilAborted } from '../../support/until-aborted.ts';

const down = () => Promise.reject(new Failure('connection reset', { transient: true }));
const never = new AbortController().signal;

// While a slow first heartbeat is waited for, the pods of other nodes that are going land here, and are evicted again.
test('the node is cordoned before the first heartbeat is answered; its pods are asked after it', async () => {
  const { clock, cluster, facts, hook, run } = runFixture();
  cluster.add(pod('web-0'));
  hook.fault = () => (hook.beats.length > 1 ? undefined : clock.sleep(5_000, never).then(() => 'active' as const));
  const cordonedAt: number[] = [];
  facts.cordon = async () => {
    cordonedAt.push(clock.elapsed);
    return 'cordoned';
  };
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual([cordonedAt, hook.beats[0], cluster.evictions[0]?.at], [[0], 0, 5_000]);
});

test('no pod is asked before the node is cordoned, however long that is tried', async () => {
  const { clock, cluster, calls, facts, run } = runFixture();
  cluster.add(pod('web-0'));
  facts.cordon = () => (clock.elapsed < 90_000 ? down() : Promise.resolve('cordoned' as const));
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.ok(calls.length > 10);
  assert.ok(cluster.evictions.every(({ at }) => at >= 90_000));
});

// An unhandled rejection kills the process before the hook is told anything, and without a summary.
test('a cordon that fails while the first heartbeat is under way is the failure of the run', async () => {
  const denied = runFixture();
  denied.facts.cordon = () => Promise.reject(new Denied('nodes is forbidden'));
  denied.hook.fault = () => denied.clock.sleep(5_000, never).then(() => 'active' as const);
  assert.equal(await denied.run(), 'failed, hook untouched, exit 1');
});

// The control plane is gone for good: a drainer that goes on trying after its action is over is billed for ever.
test('the end of the action ends a run that is still trying to cordon', async () => {
  for (const cordon of [down, (signal: AbortSignal) => untilAborted(signal, () => undefined)]) {
    const { clock, cluster, facts, hook, run } = runFixture();
    cluster.add(pod('web'));
    facts.cordon = cordon;
    clock.sleep(150_000, never).then(() => hook.end());
    assert.equal(await run(), 'action ended, hook untouched, exit 3');
  }
});

// What is told after the summary belongs to no run, and what is done after it is done by nobody.
test('nobody goes on cordoning after the run', async () => {
  const { clock, calls, facts, hook, recorder, run } = runFixture();
  facts.cordon = down;
  hook.end();
  assert.equal(await run(), 'no pending action, hook untouched, exit 0');
  const [count, last] = [calls.length, recorder.recorded.length];
  await clock.advance(60_000);
  assert.deepEqual([calls.length, recorder.recorded.length, clock.sleeping], [count, last, 0]);
});

// A DaemonSet tolerates a cordon: its pod would be back before the instance is gone, and the drain would not end.
test('with DRAIN_DAEMONSETS the node is tainted too, before anything is asked', async () => {
  const { cluster, calls, facts, recorder, run } = runFixture();
  const agent = pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } });
  cluster.add(agent);
  facts.taint = () => (calls.length < 5 ? down() : Promise.resolve('tainted' as const));
  assert.equal(await run({ drainDaemonSets: true }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(calls, ['cordon node-a', ...Array(4).fill('taint node-a'), 'exclude node-a', 'close']);
  assert.deepEqual(cluster.onNode(), []);
  const order = recorder.recorded.map(({ event }) => event.type);
  assert.ok(order.indexOf('cordoned') < order.indexOf('eviction requested'));
  const usual = runFixture();
  usual.cluster.add(agent);
  assert.equal(await usual.run(), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual([usual.calls, usual.cluster.onNode()], [['cordon node-a', 'exclude node-a', 'close'], [agent]]);
});

test('a node that is replaced between cordon and taint is no node of ours', async () => {
  const { cluster, facts, loseNode, run } = runFixture();
  cluster.add(pod('web-0'));
  facts.taint = async () => {
    loseNode('terminated');
    return 'replaced';
  };
  assert.equal(await run({ drainDaemonSets: true }), 'no node, hook CONTINUE, exit 0');
  assert.deepEqual(cluster.evictions, []);
});
