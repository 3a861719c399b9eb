import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { pod } from '../../support/objects.ts';
import { INSTANCE, nodeOf, runFixture } from '../../support/run-fixture.ts';

/** An instance that its group is not terminating. */
function inService() {
  const all = runFixture();
  all.facts.action = { kind: 'not terminating', group: 'nodes', lifecycleState: 'InService' };
  return all;
}

// EC2 reclaims a Spot instance without a lifecycle action: refused like an instance in service, its pods are killed.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
test('an instance whose end EC2 announces is drained without a lifecycle action', async () => {
  for (const reason of ['spot-interruption', 'scheduled-change', 'rebalance-recommendation'] as const) {
    const { run, cluster, calls } = inService();
    cluster.add(pod('web'));
    assert.equal(await run({ reason }), 'drained, hook untouched, exit 0');
    assert.ok(calls.includes('cordon node-a'));
    assert.deepEqual(cluster.onNode(), []);
  }
  const alone = runFixture();
  alone.facts.action = { kind: 'none', reason: 'in no group' };
  alone.cluster.add(pod('web'));
  assert.equal(await alone.run({ reason: 'spot-interruption' }), 'drained, hook untouched, exit 0');
});

// The group may terminate the instance at the same time: its hook would wait for nothing.
test('a lifecycle action that is pending meanwhile gets heartbeats and is completed', async () => {
  const { run, hook } = runFixture();
  assert.equal(await run({ reason: 'spot-interruption' }), 'drained, hook CONTINUE, exit 0');
  assert.ok(hook.beats.length > 0);
});

// A budget that never allows would hold the pods until the machine is gone, and none of them would get a SIGTERM.
test('on a Spot instance each pod is asked to end before the two minutes are over, whatever its budget says', async () => {
  const { run, cluster, clock } = inService();
  cluster.budgets.add('web', 9);
  cluster.add(pod('web', { labels: { app: 'web' }, graceSeconds: 20 }), { shutdownMs: 15_000 });
  const instanceEndsAt = clock.startedAt + 120_000;
  assert.equal(await run({ reason: 'spot-interruption', instanceEndsAt }), 'drained, hook untouched, exit 0');
  const [deletion] = cluster.deletions;
  assert.equal(deletion?.at, 120_000 - 20_000 - 30_000);
  assert.ok(clock.elapsed < 120_000);
});

// Events of EC2 concern every instance of the account: a build server must end no task with an error, and no task may wait for it.
test('an instance that is of no cluster of ours ends at once with 0', async () => {
  const untagged = inService();
  untagged.facts.instance = async () => ({ privateIPs: [], clusters: [] });
  assert.equal(
    await untagged.run({ reason: 'spot-interruption' }),
    'instance of another cluster, hook untouched, exit 0',
  );
  assert.deepEqual(untagged.calls, []);

  const noNode = inService();
  noNode.facts.nodes = [];
  const policies = { missingNode: 'auto', onFailure: 'leave', onDeadline: 'continue' } as const;
  assert.equal(await noNode.run({ reason: 'spot-interruption', policies }), 'no node, hook untouched, exit 0');
  assert.ok(noNode.clock.elapsed < 5_000);
});

// EC2 that cannot be asked is no reason to let the pods of a Spot instance die.
test('an announced end is drained although EC2 does not describe the instance', async () => {
  const { run, facts, cluster } = inService();
  facts.instance = async () => {
    throw new Failure('denied');
  };
  cluster.add(pod('web'));
  assert.equal(await run({ reason: 'spot-interruption' }), 'drained, hook untouched, exit 0');
});

// Volumes and StatefulSets of a machine that is off wait six minutes for a kubelet that will never answer.
// https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown
test('the node of a machine that EC2 says is off is marked as out of service', async () => {
  for (const state of ['stopped', 'terminated']) {
    const { run, facts, calls, recorder } = inService();
    facts.instance = async () => ({ privateDnsName: 'node-a', privateIPs: ['10.0.0.1'], state, clusters: ['prod'] });
    assert.equal(await run({ reason: 'instance-stopped' }), 'drained, hook untouched, exit 0');
    assert.ok(calls.indexOf('mark node-a as out of service') > calls.indexOf('cordon node-a'), state);
    assert.deepEqual(recorder.of('out of service'), [{ type: 'out of service', node: 'node-a', state }]);
  }
});

// On a machine that still shuts down, containers run and write to their volumes: detached under them, a file system is damaged.
test('a machine that is stopping or shutting down, and whose kubelet is silent, is not marked', async () => {
  for (const state of ['stopping', 'shutting-down']) {
    const { run, facts, calls } = inService();
    facts.nodes = [nodeOf('node-a', INSTANCE, { ready: 'Unknown' })];
    facts.instance = async () => ({ privateDnsName: 'node-a', privateIPs: ['10.0.0.1'], state, clusters: ['prod'] });
    await run({ reason: 'instance-stopped' });
    assert.ok(!calls.some((call) => call.startsWith('mark')), state);
  }
});

// The machine dies in the middle of the drain: the volumes would wait for its kubelet.
test('a kubelet that falls silent makes the drain ask EC2, and mark the node when the machine is off', async () => {
  const { run, facts, calls, cluster, clock } = runFixture();
  cluster.add(pod('web'), { shutdownMs: Number.POSITIVE_INFINITY });
  const before = facts.instance;
  clock.sleep(5_000, new AbortController().signal).then(() => {
    cluster.node.setReady('Unknown');
    facts.instance = async () => {
      const instance = await before();
      return instance && { ...instance, state: 'stopped' };
    };
  });
  assert.match(await run(), /exit 0$/);
  assert.ok(calls.includes('mark node-a as out of service'));
});

// A drain that was stopped for good would start again with the next sweep.
test('an instance with the hold tag is left alone, and its hook, too', async () => {
  const { run, facts, calls } = runFixture();
  const before = facts.instance;
  facts.instance = async () => {
    const instance = await before();
    return instance && { ...instance, isHeld: true };
  };
  assert.equal(await run(), 'held, hook untouched, exit 0');
  assert.deepEqual(calls, []);
});

// A paused drainer whose tasks still drain is not paused.
test('a paused drainer touches nothing and asks nobody', async () => {
  const { run, facts, calls, hook } = runFixture();
  facts.instance = () => assert.fail('EC2 is not asked');
  assert.equal(await run({ paused: true }), 'paused, hook untouched, exit 0');
  assert.deepEqual([calls, hook.beats], [[], []]);
});

// A person stops and starts an instance, or the event is late: a node that serves would be drained, and stay cordoned.
test('a machine that has been started again is not drained', async () => {
  const { run, facts, calls } = inService();
  facts.instance = async () => ({ privateIPs: [], state: 'running', clusters: ['prod'] });
  assert.equal(await run({ reason: 'instance-stopped' }), 'no pending action, hook untouched, exit 0');
  assert.deepEqual(calls, []);
});

// The machine is started again during the drain: the taint would end the pods that have just started, and no event of a return
// follows that would uncordon the node.
test('a machine that is started again during the drain gets its node back', async () => {
  const { run, facts, calls, cluster } = inService();
  cluster.add(pod('stuck'), { shutdownMs: Number.POSITIVE_INFINITY });
  let looks = 0;
  facts.instance = async () => ({
    privateDnsName: 'node-a',
    privateIPs: ['10.0.0.1'],
    state: ++looks <= 2 ? 'stopping' : 'running',
    clusters: ['prod'],
  });
  assert.equal(await run({ reason: 'instance-stopped' }), 'no pending action, hook untouched, exit 0');
  assert.ok(calls.indexOf('restore node-a') > calls.indexOf('cordon node-a'));
});

// AWS Health also tells of changes that have begun: every pod would be deleted at once, against its budget.
// https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
test('a scheduled change that has begun has no end, and a Spot notice of the future ends in two minutes', async () => {
  const { run, cluster, clock, recorder } = inService();
  cluster.budgets.add('web', 9);
  cluster.add(pod('web', { labels: { app: 'web' } }));
  clock.sleep(3_600_000, new AbortController().signal).then(() => cluster.vanish('web#1'));
  await run(
    { reason: 'scheduled-change', instanceEndsAt: clock.startedAt - 60_000, drainDeadlineMs: 1_200_000 },
    7_200_000,
  );
  assert.ok(cluster.deletions.every(({ at }) => at > 600_000));
  assert.ok(recorder.of('warning').some(({ message }) => /which is over/.test(message)));

  const spot = inService();
  spot.cluster.budgets.add('web', 9);
  spot.cluster.add(pod('web', { labels: { app: 'web' }, graceSeconds: 20 }));
  await spot.run({ reason: 'spot-interruption', instanceEndsAt: spot.clock.startedAt + 3_600_000 });
  assert.equal(spot.cluster.deletions[0]?.at, 70_000);
});

// Auto Scaling throttles a Spot wave: the two minutes would be spent on an action that the instance does not even have.
test('an announced end is drained although Auto Scaling does not answer', async () => {
  const { run, cluster, facts, clock } = inService();
  cluster.add(pod('web'));
  facts.lifecycleState = () => {
    throw new Failure('throttled', { transient: true });
  };
  assert.equal(await run({ reason: 'spot-interruption' }), 'drained, hook untouched, exit 0');
  assert.ok(clock.elapsed < 20_000);
});

// A retained instance is over for Auto Scaling, and its pods still run: EC2 interrupts it like any other.
test('a retained instance whose end EC2 announces is drained, and not terminated', async () => {
  const { run, cluster, facts, calls } = inService();
  cluster.add(pod('web'));
  facts.lifecycleState = () => 'Terminating:Retained';
  assert.equal(await run({ reason: 'spot-interruption' }), 'drained, hook untouched, exit 0');
  assert.deepEqual(cluster.onNode(), []);
  assert.ok(!calls.some((call) => call.startsWith('terminate')));
});

// EC2 ends the machine before its pods have left: a summary that names none of them looks like a drain in time.
test('the pods that end with a Spot instance are in the summary, as lost', async () => {
  const { run, cluster, clock, facts, recorder, loseNode } = inService();
  cluster.add(pod('slow', { graceSeconds: 600 }), { shutdownMs: Number.POSITIVE_INFINITY });
  const instanceEndsAt = clock.startedAt + 120_000;
  clock.sleep(120_000, new AbortController().signal).then(() => loseNode('terminated'));
  facts.action = { kind: 'none', reason: 'in no group' };
  assert.equal(await run({ reason: 'spot-interruption', instanceEndsAt }), 'no node, hook untouched, exit 0');
  assert.deepEqual(
    recorder.of('summary').map(({ summary }) => summary.lost),
    [['shop/slow']],
  );
});
