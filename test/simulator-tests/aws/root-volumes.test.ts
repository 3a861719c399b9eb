import assert from 'node:assert/strict';
import { test } from 'node:test';
import { id, second, soleAction } from './account.ts';
import { complete, eventsOf, instanceWithClock, summaryOf } from './instance-states.ts';

// A drainer that reads only `Destination: EC2` lets the machine restart under its pods.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html#rvr-start-lifecycle-action
test('the replacement of a root volume starts the terminating hooks, with an event of its own', async (t) => {
  const { aws } = await instanceWithClock(t);
  const [event, ...others] = aws.replaceRootVolume(id);
  assert.ok(event && others.length === 0);
  assert.equal(event['detail-type'], 'EC2 Instance-terminate Lifecycle Action');
  assert.deepEqual(event.detail, {
    LifecycleActionToken: soleAction(aws).token,
    AutoScalingGroupName: 'nodes',
    LifecycleHookName: 'drainer',
    EC2InstanceId: id,
    LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
    Origin: 'AutoScalingGroup',
    Destination: 'AutoScalingGroup',
    Action: 'ReplaceRootVolume',
  });
  assert.equal(aws.lifecycleState(id), 'ReplacingRootVolume:Wait');
  assert.throws(() => aws.replaceRootVolume(id), {
    name: 'ValidationError',
    message: /is in ReplacingRootVolume:Wait/,
  });
});

// An instance that ends in the simulator and comes back at AWS, whose node nobody would uncordon.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html#rvr-lifecycle-state-transitions
test('an instance with a new root volume restarts, and enters service again', async (t) => {
  for (const result of ['CONTINUE', 'ABANDON'] as const) {
    const { aws, clock } = await instanceWithClock(t);
    const told: string[] = [];
    aws.onInstanceEnd(() => told.push('end'));
    aws.onInstanceReset(({ how }) => told.push(how));
    aws.onInstanceReturn(() => told.push('back'));
    const events = eventsOf(aws);
    aws.replaceRootVolume(id);
    assert.deepEqual(told, []);
    await complete(aws, result);
    assert.deepEqual(told, ['root volume replaced']);
    const states = [aws.lifecycleState(id)];
    for (let step = 0; step < 3; step += 1) {
      clock.pass(second);
      states.push(aws.lifecycleState(id));
    }
    assert.deepEqual(states, ['ReplacingRootVolume:Proceed', 'RootVolumeReplaced', 'Pending:Proceed', 'InService']);
    assert.deepEqual(told, ['root volume replaced', 'back']);
    assert.deepEqual(
      events.map((event) => summaryOf(event, 'Origin', 'Destination')),
      [
        ['EC2 Instance-terminate Lifecycle Action', 'AutoScalingGroup', 'AutoScalingGroup'],
        ['EC2 Instance Launch Successful', 'AutoScalingGroup', 'AutoScalingGroup'],
      ],
    );
  }
});

// AWS documents no event of the return without a launching hook: nothing may depend on one.
test('the return of an instance can be without an event', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  const events = eventsOf(aws);
  aws.replaceRootVolume(id, { hasReturnEvent: false });
  await complete(aws, 'CONTINUE');
  clock.pass(5 * second);
  assert.deepEqual([aws.lifecycleState(id), events.length], ['InService', 1]);
});

// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html#rvr-end-lifecycle-action
test('a launching hook holds the instance after the replacement, with an event of its own', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  const transition = 'autoscaling:EC2_INSTANCE_LAUNCHING';
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'launch', transition });
  const events = eventsOf(aws);
  aws.replaceRootVolume(id);
  await complete(aws, 'CONTINUE');
  clock.pass(2 * second);
  assert.equal(aws.lifecycleState(id), 'Pending:Wait');
  const fields = ['LifecycleHookName', 'LifecycleTransition', 'Origin', 'Destination', 'Action'];
  assert.deepEqual(summaryOf(events.at(-1) ?? {}, ...fields), [
    ...['EC2 Instance-launch Lifecycle Action', 'launch', transition],
    ...['AutoScalingGroup', 'AutoScalingGroup', 'ReplaceRootVolume'],
  ]);
  await complete(aws, 'CONTINUE', { LifecycleHookName: 'launch' });
  clock.pass(second);
  assert.equal(aws.lifecycleState(id), 'InService');
});

// A hook that times out replaces the volume under whatever runs.
test('a timeout replaces the root volume, too', async (t) => {
  const { aws, clock } = await instanceWithClock(t, { heartbeatTimeout: 60 });
  const resets: string[] = [];
  aws.onInstanceReset(({ how }) => resets.push(how));
  aws.replaceRootVolume(id);
  clock.pass(59 * second);
  assert.deepEqual(resets, []);
  clock.pass(second);
  assert.deepEqual([resets.length, aws.lifecycleState(id)], [1, 'ReplacingRootVolume:Proceed']);
});
