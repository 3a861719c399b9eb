import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeScalingActivitiesCommand,
  RecordLifecycleActionHeartbeatCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { clientOptions, hook, id, second, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';
import { complete } from './instance-states.ts';

async function retainingGroup(t: TestContext, defaultResult: 'CONTINUE' | 'ABANDON' = 'ABANDON') {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now, timers: clock.timers });
  aws.createAutoScalingGroup({ name: 'nodes', desiredCapacity: 2, terminateHookAbandon: 'retain' });
  const drainer = { autoScalingGroupName: 'nodes', lifecycleHookName: 'drainer' };
  aws.putLifecycleHook({ ...drainer, heartbeatTimeout: 60, defaultResult });
  aws.launchInstance({ instanceId: id, autoScalingGroupName: 'nodes' });
  const ends: string[] = [];
  aws.onInstanceEnd(({ how }) => ends.push(how));
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  return { aws, clock, client, ends };
}

// A drainer for pods that must never be cut off relies on the machine that goes on.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/configure-instance-retention.html
test('ABANDON, and a timeout with ABANDON as default, retain the instance of such a group', async (t) => {
  for (const how of ['ABANDON', 'timeout'] as const) {
    const { aws, clock, client, ends } = await retainingGroup(t);
    aws.terminateInstance(id);
    if (how === 'ABANDON') await complete(aws, 'ABANDON');
    else clock.pass(60 * second);
    // https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
    assert.equal(aws.lifecycleState(id), 'Terminating:Proceed');
    clock.pass(second);
    assert.equal(aws.lifecycleState(id), 'Terminating:Retained');
    clock.pass(72 * 3600 * second);
    assert.deepEqual([aws.lifecycleState(id), ends], ['Terminating:Retained', []]);
    const { AutoScalingGroups: [group] = [] } = await client.send(new DescribeAutoScalingGroupsCommand({}));
    assert.equal(group?.InstanceLifecyclePolicy?.RetentionTriggers?.TerminateHookAbandon, 'retain');
    assert.deepEqual(
      group?.Instances?.map(({ LifecycleState }) => LifecycleState),
      ['Terminating:Retained'],
    );
    assert.equal(group?.DesiredCapacity, 2);
    const ec2 = new EC2Client({ ...clientOptions(aws), maxAttempts: 2 });
    const { Reservations: [reservation] = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    assert.equal(reservation?.Instances?.[0]?.State?.Name, 'running');
    const { Activities: [activity] = [] } = await client.send(
      new DescribeScalingActivitiesCommand({ AutoScalingGroupName: 'nodes' }),
    );
    assert.equal(activity?.StatusCode, 'Cancelled');
  }
});

// The global timeout, which heartbeats do not extend, is where a long drain would lose its pods.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/configure-instance-retention.html
test('the global timeout retains the instance, whatever heartbeats it got', async (t) => {
  const { aws, clock, client, ends } = await retainingGroup(t);
  aws.terminateInstance(id);
  const [{ endsAt } = assert.fail('no action')] = aws.lifecycleActions(id);
  while (clock.now() < endsAt) {
    await client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id }));
    clock.pass(50 * second);
  }
  clock.pass(second);
  assert.deepEqual([aws.lifecycleState(id), ends], ['Terminating:Retained', []]);
});

// A drainer that completes the old action of a retained instance ends nothing, for ever.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html#terminate-retained-instances
test('terminating a retained instance starts a new action; only its token counts', async (t) => {
  const { aws, clock, client, ends } = await retainingGroup(t);
  const [first] = aws.terminateInstance(id);
  await complete(aws, 'ABANDON');
  clock.pass(second);
  const received: string[] = [];
  aws.onEvent(({ detail }) => received.push(detail.LifecycleActionToken));
  const terminate = (ShouldDecrementDesiredCapacity: boolean) =>
    client.send(new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: id, ShouldDecrementDesiredCapacity }));
  await assert.rejects(terminate(true), { name: 'ValidationError' });
  await terminate(false);
  const [newToken] = received;
  assert.deepEqual([received.length, aws.lifecycleState(id)], [1, 'Terminating:Wait']);
  assert.notEqual(newToken, first?.detail.LifecycleActionToken);
  const completion = (LifecycleActionToken: string | undefined) =>
    client.send(
      new CompleteLifecycleActionCommand({ ...hook, LifecycleActionToken, LifecycleActionResult: 'CONTINUE' }),
    );
  await assert.rejects(completion(first?.detail.LifecycleActionToken), /No active Lifecycle Action found with token/);
  await completion(newToken);
  clock.pass(second);
  assert.deepEqual([aws.lifecycleState(id), ends], ['Terminated', ['completed']]);
});

// A group that retains by accident would never shrink.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/configure-instance-retention.html
test('CONTINUE ends the instance of such a group, also as the default of a timeout', async (t) => {
  for (const how of ['CONTINUE', 'timeout'] as const) {
    const { aws, clock, ends } = await retainingGroup(t, 'CONTINUE');
    aws.terminateInstance(id);
    if (how === 'CONTINUE') await complete(aws, 'CONTINUE');
    else clock.pass(60 * second);
    clock.pass(second);
    assert.deepEqual([aws.lifecycleState(id), ends.length], ['Terminated', 1]);
  }
});

// https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html#instance-lifecyle-states-of-retained-instances
test('an abandoned return to the warm pool is retained, and its machine goes on', async (t) => {
  const { aws, clock, ends } = await retainingGroup(t);
  const resets: string[] = [];
  aws.onInstanceReset(({ how }) => resets.push(how));
  aws.returnToWarmPool(id);
  await complete(aws, 'ABANDON');
  clock.pass(second);
  assert.deepEqual([aws.lifecycleState(id), ends, resets], ['Warmed:Pending:Retained', [], []]);
});
