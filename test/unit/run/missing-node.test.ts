import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../../app/config/drain-config.ts';
import { Failure } from '../../../app/lib/errors.ts';
import type { InstanceInfo } from '../../../app/run/instance.ts';
import { pod } from '../../support/objects.ts';
import { INSTANCE, nodeOf, runFixture } from '../../support/run-fixture.ts';

const MINUTE = 60_000;
const never = new AbortController().signal;
const AUTO: Config['policies'] = { missingNode: 'auto', onFailure: 'leave', onDeadline: 'continue' };
const endless = { shutdownMs: Number.POSITIVE_INFINITY };

/** The end of a run whose instance has no node, and was launched so long ago. */
async function withoutNode(launchedAgoMs: number | undefined, policies: Partial<Config['policies']> = {}) {
  const { clock, facts, hook, recorder, run } = runFixture();
  facts.nodes = [];
  const known: InstanceInfo = { privateDnsName: 'node-a', privateIPs: [], state: 'running', clusters: ['prod'] };
  const launchedAt = clock.startedAt - (launchedAgoMs ?? 0);
  facts.instance = async () => ({ ...known, ...(launchedAgoMs !== undefined && { launchedAt }) });
  const ended = await run({ policies: { ...AUTO, ...policies } });
  assert.deepEqual(hook.beats, []);
  return { ended, recorder };
}

// An instance that fails its health checks before its kubelet started has nothing to drain.
test('with MISSING_NODE=auto an instance younger than 15 minutes never joined, and its hook is completed', async () => {
  assert.equal((await withoutNode(0)).ended, 'no node, hook CONTINUE, exit 0');
  assert.equal((await withoutNode(15 * MINUTE - 1)).ended, 'no node, hook CONTINUE, exit 0');
});

// A stopped instance of a warm pool has no node: its termination would fail, and raise an alarm each time.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
test('an instance that ends in its warm pool may have no node, however old it is', async () => {
  const { facts, run, clock } = runFixture();
  facts.nodes = [];
  facts.lifecycleState = () => 'Warmed:Terminating:Wait';
  const launchedAt = clock.startedAt - 60 * MINUTE;
  facts.instance = async () => ({ privateIPs: [], state: 'stopped', clusters: ['prod'], launchedAt });
  assert.equal(await run({ policies: AUTO }), 'no node, hook CONTINUE, exit 0');
});

// An older one without a node is a drainer that looks in the wrong cluster: CONTINUE would cut off every pod there.
test('with MISSING_NODE=auto an older instance without a node is a failure that says what to check', async () => {
  const { ended, recorder } = await withoutNode(15 * MINUTE);
  assert.equal(ended, 'node missing, hook untouched, exit 1');
  const [failed] = recorder.of('run failed');
  assert.ok(failed?.error instanceof Failure);
  assert.match(failed.error.message, /^no node of the cluster is i-0123456789abcdef0/);
  assert.match(failed.error.advice ?? '', /configured for the cluster of this group.*MISSING_NODE/);
});

test('with MISSING_NODE=auto an instance of which EC2 does not say when it was launched is treated as older', async () => {
  assert.equal((await withoutNode(undefined)).ended, 'node missing, hook untouched, exit 1');
  const unknown = runFixture();
  unknown.facts.nodes = [];
  unknown.facts.instance = async () => undefined;
  assert.equal(await unknown.run({ policies: AUTO }), 'node missing, hook untouched, exit 1');
});

test('a missing node does what ON_FAILURE says, and MISSING_NODE=continue or abandon decides without asking', async () => {
  const day = 24 * 60 * MINUTE;
  assert.equal((await withoutNode(day, { onFailure: 'abandon' })).ended, 'node missing, hook ABANDON, exit 1');
  assert.equal((await withoutNode(day, { missingNode: 'continue' })).ended, 'no node, hook CONTINUE, exit 0');
  assert.equal((await withoutNode(day, { missingNode: 'abandon' })).ended, 'no node, hook ABANDON, exit 0');
});

/** A run whose node is deleted after a minute. Its pods have up to two minutes of grace. */
function losing(state: string) {
  const made = runFixture();
  made.cluster.add(pod('stuck', { graceSeconds: 120 }), endless);
  made.cluster.add(pod('slow'), { shutdownMs: 600_000 });
  const after = (ms: number) => made.clock.sleep(ms, never);
  after(MINUTE).then(() => made.loseNode(state));
  return { ...made, after };
}

// A cloud controller that deletes the node of a living machine, or `kubectl delete node`: the kubelet registers it again in
// seconds, with every pod still running. https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet_node_status.go
test('a node that is deleted and registered again is cordoned, and drained on', async () => {
  const { after, calls, clock, cluster, hook, recorder, registerNode, run } = losing('running');
  after(MINUTE + 20_000).then(() => registerNode('n-2', 'renamed'));
  after(MINUTE + 90_000).then(() => cluster.vanish('shop/stuck#1'));
  cluster.add(pod('held', { labels: { app: 'held' } }), { shutdownMs: 1_000 });
  cluster.budgets.add('held', 1);
  after(MINUTE + 60_000).then(() => cluster.add(pod('replacement', { labels: { app: 'held' } }), {}, false));
  assert.equal(await run({}, 3_600_000), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(
    calls.filter((call) => call.startsWith('cordon')),
    ['cordon node-a', 'cordon renamed'],
  );
  assert.equal(clock.elapsed, 600_000);
  assert.deepEqual(cluster.onNode(), []);
  assert.deepEqual(recorder.timesOf('node deleted', clock.startedAt), [MINUTE]);
  assert.equal(recorder.of('node deleted')[0]?.waitUntil, clock.startedAt + MINUTE + 60_000 + 120_000);
  assert.equal(recorder.of('node found').length, 2);
  assert.deepEqual(hook.results, ['CONTINUE']);
});

// With the node object the pods go from the API, not from the machine: they still have their grace period.
test('a node that is deleted for good is waited for 60 s and the largest grace period while EC2 says that it runs', async () => {
  for (const [policies, end] of [
    [AUTO, 'node missing, hook untouched, exit 1'],
    [{ ...AUTO, missingNode: 'continue' }, 'no node, hook CONTINUE, exit 0'],
  ] as const) {
    const { clock, run } = losing('running');
    assert.equal(await run({ policies }, 3_600_000), end);
    assert.equal(clock.elapsed, MINUTE + 60_000 + 120_000);
  }
});

// Its node had joined, so an instance launched five minutes ago is no instance that never did.
test('a node that is deleted for good is missing, however young its instance is', async () => {
  const { clock, facts, run } = losing('running');
  const before = facts.instance;
  facts.instance = async () => {
    const instance = await before();
    return instance && { ...instance, launchedAt: clock.startedAt };
  };
  assert.equal(await run({ policies: AUTO }, 3_600_000), 'node missing, hook untouched, exit 1');
});

test('a node that is deleted because its machine has ended is not waited for, and its pods are named as lost', async () => {
  for (const state of ['shutting-down', 'terminated', 'stopping', 'stopped']) {
    const { clock, recorder, run } = losing(state);
    assert.equal(await run({ policies: AUTO }), 'no node, hook CONTINUE, exit 0');
    assert.equal(clock.elapsed, MINUTE);
    assert.deepEqual(recorder.of('summary')[0]?.summary.lost, ['shop/stuck', 'shop/slow']);
  }
});

test('a machine that ends while its node is waited for ends the wait', async () => {
  const { after, clock, loseNode, run } = losing('running');
  after(MINUTE + 30_000).then(() => loseNode('terminated'));
  assert.equal(await run({ policies: AUTO }), 'no node, hook CONTINUE, exit 0');
  assert.ok(clock.elapsed >= MINUTE + 30_000 && clock.elapsed <= MINUTE + 46_000, `${clock.elapsed} ms`);
});

// EC2 that does not answer must not turn a wait into an end: the machine may run.
test('while EC2 is silent a deleted node is waited for all the same, and EC2 is not asked again', async () => {
  const { after, clock, facts, recorder, run } = losing('running');
  after(MINUTE - 1).then(() => {
    facts.instance = () => Promise.reject(new Failure('access denied'));
  });
  assert.equal(await run({ policies: AUTO }, 3_600_000), 'node missing, hook untouched, exit 1');
  assert.equal(clock.elapsed, MINUTE + 60_000 + 120_000);
  assert.equal(recorder.of('warning').filter(({ message }) => message.startsWith('EC2 could not')).length, 1);
});

// An API server that is away for longer than CONNECT_TIMEOUT_SECONDS does not say that the node is gone.
test('an API that is down while a deleted node is looked for ends nothing', async () => {
  const { after, cluster, clock, facts, run } = losing('running');
  cluster.add(pod('web'), { shutdownMs: 1_000 });
  after(MINUTE - 1).then(() => {
    facts.lookUp = () => (clock.elapsed < 11 * MINUTE ? new Failure('reset', { transient: true }) : undefined);
  });
  assert.equal(await run({ policies: AUTO }, 3_600_000), 'node missing, hook untouched, exit 1');
  assert.ok(clock.elapsed >= 11 * MINUTE, `${clock.elapsed} ms`);
});

// A cluster of 10,000 nodes must not be listed every two seconds by each of a thousand drainers.
test('a deleted node is looked for ever more slowly', async () => {
  const { cluster, facts, run } = losing('running');
  let looks = 0;
  const before = facts.instance;
  facts.instance = async () => {
    looks++;
    return before();
  };
  cluster.add(pod('ledger', { graceSeconds: 3_600 }), endless);
  await run({ policies: AUTO }, 36_000_000);
  assert.ok(looks >= 240 && looks <= 3_660 / 7.5 + 10, `${looks} looks`);
});

// The deletion may come from a list that is a moment older than the node: asked at once, again and again, it says the same.
test('a node that is said to be deleted and is still there is drained on, after a pause', async () => {
  const { calls, clock, cluster, facts, run } = runFixture();
  cluster.add(pod('slow'), { shutdownMs: 30_000 });
  clock.sleep(10_000, never).then(() => cluster.node.delete());
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.equal(calls.filter((call) => call.startsWith('cordon')).length, 2);
  const stubborn = runFixture();
  stubborn.facts.cordon = async () => 'replaced';
  stubborn.clock.sleep(600_000, never).then(() => stubborn.loseNode('terminated'));
  assert.equal(await stubborn.run({}, 700_000), 'no node, hook CONTINUE, exit 0');
  assert.ok(stubborn.calls.length < 620, `${stubborn.calls.length} calls`);
  assert.ok(facts.nodes.length === 1);
});

// By name alone the next machine of that name would be drained in its place.
test('a node that is drained by its name is drained on only under the same provider ID', async () => {
  const target = { kind: 'node', name: 'node-a' } as const;
  for (const [providerID, end] of [
    [`aws:///a/${INSTANCE}`, 'drained, hook untouched, exit 0'],
    ['aws:///a/i-0fedcba9876543210', 'no node, hook untouched, exit 0'],
    ['', 'no node, hook untouched, exit 0'],
  ] as const) {
    const { clock, cluster, facts, registerNode, run } = runFixture();
    facts.action = { kind: 'none', reason: '' };
    cluster.add(pod('slow'), { shutdownMs: 60_000 });
    clock.sleep(10_000, never).then(() => {
      registerNode('n-2');
      facts.nodes = [nodeOf('node-a', INSTANCE, { uid: 'n-2', providerID })];
    });
    assert.equal(await run({ target }), end);
  }
});
