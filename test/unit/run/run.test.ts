import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../../app/config/drain-config.ts';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { pod, podsOf } from '../../support/objects.ts';
import { runFixture } from '../../support/run-fixture.ts';

const never = new AbortController().signal;

const AUTO: Config['policies'] = { missingNode: 'auto', onFailure: 'leave', onDeadline: 'continue' };
const POLICIES: Config['policies'] = { missingNode: 'abandon', onFailure: 'abandon', onDeadline: 'abandon' };

test('a drain cordons the node, completes the hook, and sums up in one line', async () => {
  const { cluster, calls, recorder, run } = runFixture();
  for (const one of podsOf('web', 3)) cluster.add(one, { shutdownMs: 30_000 });
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(calls, ['cordon node-a', 'exclude node-a', 'close']);
  const last = recorder.recorded.at(-1)?.event;
  assert.ok(last?.type === 'summary');
  assert.deepEqual(last.summary.pods, { evicted: 3, skipped: 0, remaining: 0 });
  assert.ok((last.summary.seconds['drain'] ?? 0) >= 30);
});

// A heartbeat of a drainer that can never drain keeps a dead instance billed for two days.
test('no heartbeat is sent before the cluster has answered and the node is found', async () => {
  const unreachable = runFixture();
  unreachable.facts.connect = () => new Failure('no route to host', { transient: true });
  assert.equal(await unreachable.run(), 'failed, hook untouched, exit 1');
  assert.deepEqual(unreachable.hook.beats, []);
  assert.ok(unreachable.clock.elapsed > 100_000, 'it is tried for two minutes');
  const missing = runFixture();
  missing.facts.nodes = [];
  assert.equal(await missing.run(), 'no node, hook CONTINUE, exit 0');
  assert.deepEqual(missing.hook.beats, []);
});

test('an instance without a node is completed as MISSING_NODE says, and so is a node that is replaced', async () => {
  const missing = runFixture();
  missing.facts.nodes = [];
  assert.equal(await missing.run({ policies: POLICIES }), 'no node, hook ABANDON, exit 0');
  const replaced = runFixture();
  replaced.facts.cordon = async () => {
    replaced.loseNode('terminated');
    return 'replaced';
  };
  replaced.cluster.add(pod('web-0'));
  assert.equal(await replaced.run({ policies: POLICIES }), 'no node, hook ABANDON, exit 0');
  assert.deepEqual(replaced.cluster.evictions, []);
});

test('a node that is deleted in mid-drain ends the drain when its machine has ended', async () => {
  const { clock, cluster, loseNode, run } = runFixture();
  cluster.add(pod('endless'), { shutdownMs: Number.POSITIVE_INFINITY });
  clock.sleep(60_000, new AbortController().signal).then(() => loseNode('shutting-down'));
  assert.equal(await run(), 'no node, hook CONTINUE, exit 0');
  assert.equal(clock.elapsed, 60_000);
});

// EC2 that does not answer is no proof that there is no node: the hook would be completed with every pod running.
test('"no such node" is not believed when EC2 could not be asked', async () => {
  const { facts, hook, run } = runFixture();
  facts.instance = () => Promise.reject(new Failure('access denied'));
  facts.nodes = [];
  assert.equal(await run({ policies: AUTO }), 'node missing, hook untouched, exit 1');
  assert.deepEqual(hook.beats, []);
  const other = runFixture();
  other.facts.instance = () => Promise.reject(new Failure('access denied'));
  assert.equal(await other.run(), 'drained, hook CONTINUE, exit 0');
});

// An event is delivered twice, or reaches the drainers of two clusters: only one of them may act.
test('without a pending action, or in another cluster, nothing is touched', async () => {
  const none = runFixture();
  none.facts.action = { kind: 'none', reason: 'it is Terminated' };
  assert.equal(await none.run({ policies: POLICIES }), 'no pending action, hook untouched, exit 0');
  const elsewhere = runFixture();
  elsewhere.facts.instance = async () => ({ clusters: ['lab'], privateIPs: [] });
  assert.equal(await elsewhere.run({ policies: POLICIES }), 'instance of another cluster, hook untouched, exit 0');
  const duplicate = runFixture();
  duplicate.hook.end();
  duplicate.cluster.add(pod('web-0'));
  assert.equal(await duplicate.run({ policies: POLICIES }), 'no pending action, hook untouched, exit 0');
  for (const { calls, cluster } of [none, elsewhere]) {
    assert.ok(!calls.some((call) => call.startsWith('cordon')));
    assert.deepEqual(cluster.evictions, []);
  }
  // Its node is cordoned while the first heartbeat asks; its pods are left alone all the same.
  assert.deepEqual(duplicate.cluster.evictions, []);
});

test('an instance in service is refused, and drained all the same with --even-if-not-terminating', async () => {
  const inService = { kind: 'not terminating', group: 'nodes', lifecycleState: 'InService' } as const;
  const refused = runFixture();
  refused.facts.action = inService;
  assert.equal(await refused.run(), 'not terminating, hook untouched, exit 64');
  assert.deepEqual(refused.calls, []);
  const forced = runFixture();
  forced.facts.action = inService;
  assert.equal(await forced.run({ force: true }), 'drained, hook untouched, exit 0');
});

test('the action that ends in mid-drain ends the drain, and the hook is not touched', async () => {
  const { clock, cluster, hook, run } = runFixture();
  cluster.add(pod('endless'), { shutdownMs: Number.POSITIVE_INFINITY });
  clock.sleep(150_000, new AbortController().signal).then(() => hook.end());
  assert.equal(await run({ policies: POLICIES }), 'action ended, hook untouched, exit 3');
});

test('a denial leaves the hook alone, or does what ON_FAILURE says', async () => {
  const denied = () => {
    const made = runFixture();
    made.cluster.add(pod('web-0'));
    made.cluster.fault = (call) => (call.startsWith('evict') ? new Denied('cannot create pods/eviction') : undefined);
    return made;
  };
  assert.equal(await denied().run(), 'failed, hook untouched, exit 1');
  assert.equal(await denied().run({ policies: POLICIES }), 'failed, hook ABANDON, exit 1');
});

test('SIGTERM ends the drain at once, and the hook is left for somebody else', async () => {
  for (const [by, exit] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const { clock, cluster, calls, stop, run } = runFixture();
    cluster.add(pod('endless'), { shutdownMs: Number.POSITIVE_INFINITY });
    clock.sleep(45_000, new AbortController().signal).then(() => stop.abort(new Stopped(by)));
    assert.equal(await run({ policies: POLICIES }), `stopped, hook untouched, exit ${exit}`);
    assert.equal(clock.elapsed, 45_000);
    assert.equal(calls.at(-1), 'close');
  }
});

test('the deadline completes the hook as ON_DEADLINE says', async () => {
  const { cluster, run } = runFixture();
  cluster.add(pod('endless'), { shutdownMs: Number.POSITIVE_INFINITY });
  assert.equal(await run({ drainDeadlineMs: 60_000, policies: POLICIES }), 'deadline, hook ABANDON, exit 0');
});

// A drained node whose hook could not be completed stays billed until its timeout: exit code 0 would hide it.
test('a completion that fails is a failure of the run', async () => {
  const { hook, run } = runFixture();
  hook.fault = (call) => (call === 'complete' ? Promise.reject(new Failure('access denied')) : undefined);
  assert.equal(await run(), 'drained, hook CONTINUE, exit 1');
});

// --dry-run that changes anything is worse than none.
test('a dry run tells what would become of every pod, and changes nothing', async () => {
  const { cluster, calls, hook, recorder, run } = runFixture();
  for (const one of podsOf('web', 2)) cluster.add(one);
  for (const one of podsOf('free', 1)) cluster.add(one);
  cluster.add(pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }));
  cluster.budgets.add('web', 2);
  await runFixture().clock.settle();
  assert.equal(await run({ dryRun: true }), 'dry run, hook untouched, exit 0');
  assert.deepEqual([calls, hook.beats, cluster.evictions], [['close'], [], []]);
  const told = recorder.of('dry run decision').map(({ action, pod, reason }) => `${action} ${pod}: ${reason}`);
  assert.equal(told.length, 4);
  assert.ok(told.includes('evict shop/free-0: to be evicted'));
  assert.ok(told.includes('skip shop/agent: belongs to DaemonSet agent'));
  assert.equal(told.filter((line) => /^wait shop\/web-\d: budget web allows no disruption/.test(line)).length, 2);
});

// Two events of one termination start two workers. The slower one would alarm somebody although every pod left gracefully.
test('an action that ends under a worker with nothing left to drain was completed by another one', async () => {
  const { clock, cluster, hook, run, volumes } = runFixture();
  cluster.add(pod('web', { claims: ['data'] }));
  volumes.attach('shop/data', 400_000);
  clock.sleep(150_000, never).then(() => hook.end());
  assert.equal(await run(), 'drained by peer, hook untouched, exit 0');
});

test('an action that ends with pods left, or on a cluster that cannot be asked, was not', async () => {
  const left = runFixture();
  left.cluster.add(pod('slow'), { shutdownMs: Number.POSITIVE_INFINITY });
  left.clock.sleep(150_000, never).then(() => left.hook.end());
  assert.equal(await left.run(), 'action ended, hook untouched, exit 3');
});
