import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import { noHarm } from '../witness/harm.ts';
import { GROUP, HOOK } from './account.ts';
import { INSTANCE, NODE, type ProcessFixture, processFixture } from './process-fixture.ts';
import { summaryOf } from './program.ts';

/** What the rule passes to the task, from the event of a terminating hook. */
function settingsOf([event]: ReturnType<ProcessFixture['aws']['terminateInstance']>): Record<string, string> {
  return {
    LIFECYCLE_HOOK_NAME: event?.detail.LifecycleHookName ?? '',
    LIFECYCLE_ACTION_TOKEN: event?.detail.LifecycleActionToken ?? '',
    LIFECYCLE_DESTINATION: event?.detail.Destination ?? '',
    LIFECYCLE_ACTION_TIME: event?.time ?? '',
  };
}

async function nodeOf({ core }: ProcessFixture) {
  const { spec, metadata, status } = await core.readNode({ name: NODE });
  const drained = status?.conditions?.find(({ type }) => type === 'Drained');
  return {
    cordoned: spec?.unschedulable ?? false,
    annotations: Object.keys(metadata?.annotations ?? {}),
    drained: `${drained?.status} ${drained?.reason}`,
  };
}

/** Ends the lifecycle action as its timeout would, in a group whose default result is ABANDON. */
async function abandon({ aws }: ProcessFixture): Promise<void> {
  const { AWS_ENDPOINT_URL: endpoint = '', AWS_REGION: region = '', ...keys } = aws.environment;
  const credentials = {
    accessKeyId: keys['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: keys['AWS_SECRET_ACCESS_KEY'] ?? '',
  };
  const client = new AutoScalingClient({ endpoint, region, credentials });
  await client.send(
    new CompleteLifecycleActionCommand({
      AutoScalingGroupName: GROUP,
      LifecycleHookName: HOOK,
      InstanceId: INSTANCE,
      LifecycleActionResult: 'ABANDON',
    }),
  );
}

async function stateBecomes({ aws }: ProcessFixture, state: string): Promise<void> {
  while (aws.lifecycleState(INSTANCE) !== state) await pause(50);
}

describe('instances that return', { concurrency: 4 }, () => {
  // An instance refresh replaces the root volume under running pods, or the node stays cordoned for good: without a launching
  // hook, AWS documents no event of the return.
  // https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html
  test('a node whose root volume is replaced is drained before, and put back into service after', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web', { annotations: { 'lab/shutdown-ms': '1500' } });
    const events = fixture.aws.replaceRootVolume(INSTANCE, { hasReturnEvent: false });
    assert.equal(fixture.aws.lifecycleState(INSTANCE), 'ReplacingRootVolume:Wait');
    const ended = await fixture.drain(settingsOf(events)).ended();
    assert.deepEqual([ended.code, summaryOf(ended)['hook']], [0, 'CONTINUE'], ended.stderr);
    assert.equal(fixture.aws.lifecycleState(INSTANCE), 'InService');
    const { cordoned, annotations, drained } = await nodeOf(fixture);
    assert.equal(cordoned, false);
    assert.equal(drained, 'False NodeDrainerUndone');
    assert.ok(!annotations.some((name) => name.startsWith('node-drainer/')), annotations.join());
    await noHarm(fixture.witness);
  });

  // The task that waited for the return was stopped, or the instance comes from a warm pool: the event of the return is left.
  test('an instance that enters service again is put back by the event of its return, too', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    const program = fixture.drain(settingsOf(fixture.aws.replaceRootVolume(INSTANCE)));
    await program.line('hook completed');
    program.kill('SIGKILL');
    await program.ended();
    await stateBecomes(fixture, 'InService');
    assert.ok((await nodeOf(fixture)).cordoned);
    const undone = await fixture.run('undo', { ONLY_DRAINED: 'true' }).ended();
    assert.equal(undone.code, 0, undone.stderr);
    assert.ok(!(await nodeOf(fixture)).cordoned);
    await noHarm(fixture.witness);
  });

  // A sweep found it: no event says where the instance goes, and its state is none of a termination.
  test('an instance on its way into the warm pool is drained without an event, too', async (context) => {
    const fixture = await processFixture(context, { group: { warmPoolState: 'Running' } });
    await fixture.addPod('web');
    fixture.aws.returnToWarmPool(INSTANCE);
    assert.match(fixture.aws.lifecycleState(INSTANCE) ?? '', /^Warmed:Pending/);
    const ended = await fixture.drain({ LIFECYCLE_HOOK_NAME: 'node-drainer' }).ended();
    assert.deepEqual([ended.code, summaryOf(ended)['hook']], [0, 'CONTINUE'], ended.stderr);
    assert.ok((await nodeOf(fixture)).cordoned);
    await noHarm(fixture.witness);
  });

  // Every instance that enters service starts an undo: one whose node a person has cordoned would serve again.
  test('an instance that no drain has marked is not touched when it enters service', async (context) => {
    const fixture = await processFixture(context);
    await fixture.core.patchNode({ name: NODE, body: [{ op: 'add', path: '/spec/unschedulable', value: true }] });
    const undone = await fixture.run('undo', { ONLY_DRAINED: 'true' }).ended();
    assert.equal(undone.code, 0, undone.stderr);
    assert.ok((await nodeOf(fixture)).cordoned);
    const patches = fixture.kubernetes.requests.filter(({ verb, user }) => verb === 'patch' && user !== 'admin');
    assert.ok(patches.every(({ user }) => user !== 'node-drainer'));
  });

  // The event of the return is late, and the instance leaves again: uncordoned, it would get the pods of other nodes.
  test('an instance that leaves again is not put back into service', async (context) => {
    const fixture = await processFixture(context, { group: { warmPoolState: 'Running' } });
    await fixture.addPod('web');
    const ended = await fixture.drain(settingsOf(fixture.aws.returnToWarmPool(INSTANCE))).ended();
    assert.equal(ended.code, 0, ended.stderr);
    await stateBecomes(fixture, 'Warmed:Running');
    fixture.aws.leaveWarmPool(INSTANCE);
    await stateBecomes(fixture, 'InService');
    fixture.aws.terminateInstance(INSTANCE);
    const undone = await fixture.run('undo', { ONLY_DRAINED: 'true' }).ended();
    assert.equal(undone.code, 0, undone.stderr);
    assert.ok((await nodeOf(fixture)).cordoned);
  });

  // AWS adds fields and words to its events, or delivers one of them late: each such termination would go undrained.
  test('whatever the fields of the event say, the instance is drained', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    fixture.aws.terminateInstance(INSTANCE);
    const nonsense = {
      AUTO_SCALING_GROUP_NAME: 'renamed',
      LIFECYCLE_HOOK_NAME: 'gone',
      LIFECYCLE_ACTION_TOKEN: '00000000-0000-0000-0000-000000000000',
      LIFECYCLE_DESTINATION: 'Moon',
      LIFECYCLE_ACTION_TIME: '1999-12-31T23:59:59Z',
    };
    const ended = await fixture.drain(nonsense).ended();
    assert.deepEqual([ended.code, summaryOf(ended)['hook']], [0, 'CONTINUE'], ended.stderr);
    const warnings = ended.lines.filter(({ event }) => event === 'warning').map(({ message }) => message);
    for (const word of ['renamed', 'gone', 'token', 'Moon', '1999']) {
      assert.ok(
        warnings.some((warning) => warning.includes(word)),
        `no warning about ${word}: ${warnings.join('\n')}`,
      );
    }
    await noHarm(fixture.witness);
  });
});

describe('retained instances', { concurrency: 4 }, () => {
  const retaining = { group: { terminateHookAbandon: 'retain' } } as const;

  // The action ends with ABANDON while pods need longer: without heartbeats nothing ends the drain, and nobody else the instance.
  // https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-lifecycle-policy.html
  test('a drain goes on after ABANDON, and ends the retained instance with a new lifecycle action', async (context) => {
    const fixture = await processFixture(context, retaining);
    await fixture.addPod('web');
    await fixture.blockAll();
    const events = fixture.aws.terminateInstance(INSTANCE);
    const program = fixture.drain({ ...settingsOf(events), RETAINED: 'finish' });
    await program.line('pod waiting');
    const [action] = fixture.aws.lifecycleActions(INSTANCE);
    await abandon(fixture);
    await program.line('instance retained');
    await fixture.unblock();
    const ended = await program.ended();
    assert.deepEqual([ended.code, summaryOf(ended)['hook']], [0, 'CONTINUE'], ended.stderr);
    const actions = fixture.aws.lifecycleActions(INSTANCE);
    assert.deepEqual(
      actions.map(({ result }) => result),
      ['ABANDON', 'CONTINUE'],
    );
    assert.notEqual(actions[1]?.token, action?.token);
    await noHarm(fixture.witness);
  });

  // The same event, by a drainer that does not finish retained instances: whoever keeps them to look at them would lose them.
  test('without the setting a retained instance is left as it is', async (context) => {
    const fixture = await processFixture(context, retaining);
    await fixture.addPod('web');
    fixture.aws.terminateInstance(INSTANCE);
    await abandon(fixture);
    await stateBecomes(fixture, 'Terminating:Retained');
    const ended = await fixture.drain().ended();
    assert.deepEqual([ended.code, summaryOf(ended)['result']], [0, 'no pending action'], ended.stderr);
    assert.equal(fixture.aws.lifecycleState(INSTANCE), 'Terminating:Retained');
    await noHarm(fixture.witness);
  });
});

describe('announced ends', { concurrency: 4 }, () => {
  // EC2 says that the machine is off: its pods and volumes waited six minutes for a kubelet that never answers.
  test('the pods of a stopped machine move at once, and the taint goes when it is back', async (context) => {
    const fixture = await processFixture(context, { power: { monitorGraceMs: 500, cloudCheckMs: 500 } });
    await fixture.addPod('web');
    const stopped = fixture.stateChange('stopped');
    fixture.aws.stopInstance(INSTANCE);
    await stopped;
    const ended = await fixture.drain({ REASON: 'instance-stopped', VOLUME_DETACH_TIMEOUT_SECONDS: '5' }).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ended.lines.some(({ event }) => event === 'out of service'));
    const { spec } = await fixture.core.readNode({ name: NODE });
    assert.ok(spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/out-of-service'));
    fixture.aws.startInstance(INSTANCE);
    const undone = await fixture.run('undo', { ONLY_DRAINED: 'true' }).ended();
    assert.equal(undone.code, 0, undone.stderr);
    const after = await fixture.core.readNode({ name: NODE });
    assert.ok(!after.spec?.taints?.some(({ key }) => key.startsWith('node.kubernetes.io/out-of')));
    assert.ok(!after.spec?.unschedulable);
  });

  // A rebalance recommendation says that the instance may end soon: new pods on it would move twice.
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
  test('cordon keeps new pods away, evicts nothing, and is undone', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    fixture.aws.recommendRebalance(INSTANCE);
    const cordoned = await fixture.run('cordon', { REASON: 'rebalance-recommendation' }).ended();
    assert.equal(cordoned.code, 0, cordoned.stderr);
    assert.ok((await nodeOf(fixture)).cordoned);
    const { items } = await fixture.core.listNamespacedPod({ namespace: 'default' });
    assert.deepEqual(
      items.map(({ metadata }) => metadata?.deletionTimestamp),
      [undefined],
    );
    await noHarm(fixture.witness);
  });
});
