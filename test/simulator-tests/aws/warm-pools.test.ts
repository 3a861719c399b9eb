import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { clientOptions, id, second } from './account.ts';
import { complete, eventsOf, instanceWithClock, summaryOf } from './instance-states.ts';

// A drainer that takes the event for a termination finds an instance that comes back with its node cordoned.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
test('an instance goes to the warm pool through the terminating hooks, and comes back', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  const told: string[] = [];
  aws.onInstanceEnd(() => told.push('end'));
  aws.onInstanceReset(({ how }) => told.push(how));
  aws.onInstanceReturn(() => told.push('back'));
  const [event] = aws.returnToWarmPool(id);
  assert.deepEqual(summaryOf(event ?? {}, 'Origin', 'Destination', 'Action', 'LifecycleTransition'), [
    'EC2 Instance-terminate Lifecycle Action',
    ...['AutoScalingGroup', 'WarmPool', undefined, 'autoscaling:EC2_INSTANCE_TERMINATING'],
  ]);
  assert.equal(aws.lifecycleState(id), 'Warmed:Pending:Wait');
  await complete(aws, 'CONTINUE');
  assert.equal(aws.lifecycleState(id), 'Warmed:Pending:Proceed');
  clock.pass(second);
  assert.deepEqual([aws.lifecycleState(id), told], ['Warmed:Stopped', ['stopped']]);

  const events = eventsOf(aws);
  aws.leaveWarmPool(id);
  assert.equal(aws.lifecycleState(id), 'Pending:Proceed');
  clock.pass(second);
  assert.deepEqual([aws.lifecycleState(id), told], ['InService', ['stopped', 'back']]);
  const launch = events.find((one) => one['source'] === 'aws.autoscaling');
  assert.deepEqual(summaryOf(launch ?? {}, 'EC2InstanceId', 'AutoScalingGroupName', 'Origin', 'Destination'), [
    ...['EC2 Instance Launch Successful', id, 'nodes', 'WarmPool', 'AutoScalingGroup'],
  ]);
});

// A sweep that looks into the groups only never finds an instance on its way to the warm pool.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeWarmPool.html
test('instances of a warm pool are no instances of the group, but Auto Scaling instances', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  aws.returnToWarmPool(id);
  const { AutoScalingGroups: [group] = [] } = await client.send(new DescribeAutoScalingGroupsCommand({}));
  assert.deepEqual(group?.Instances, []);
  const { AutoScalingInstances: [instance] = [] } = await client.send(new DescribeAutoScalingInstancesCommand({}));
  assert.deepEqual([instance?.InstanceId, instance?.LifecycleState], [id, 'Warmed:Pending:Wait']);
  await complete(aws, 'ABANDON');
  clock.pass(second);
  assert.equal(aws.lifecycleState(id), 'Warmed:Stopped');
  const ec2 = new EC2Client({ ...clientOptions(aws), maxAttempts: 2 });
  const { Reservations: [reservation] = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  assert.equal(reservation?.Instances?.[0]?.State?.Name, 'stopped');
  // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
  const terminate = { InstanceId: id, ShouldDecrementDesiredCapacity: false };
  await assert.rejects(client.send(new TerminateInstanceInAutoScalingGroupCommand(terminate)), {
    name: 'ValidationError',
  });
});

// Pods that go on in a running warm pool are not dead.
test('an instance in a running warm pool goes on', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  aws.createAutoScalingGroup({ name: 'warm', warmPoolState: 'Running' });
  aws.launchInstance({ instanceId: 'i-00000000', autoScalingGroupName: 'warm' });
  const resets: string[] = [];
  aws.onInstanceReset(({ how }) => resets.push(how));
  assert.deepEqual(aws.returnToWarmPool('i-00000000'), []);
  clock.pass(second);
  assert.deepEqual([aws.lifecycleState('i-00000000'), resets], ['Warmed:Running', []]);
});

// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html
test('a launching hook holds an instance that leaves the warm pool; a terminating one that ends in it', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  const transition = 'autoscaling:EC2_INSTANCE_LAUNCHING';
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'launch', transition });
  aws.returnToWarmPool(id);
  await complete(aws, 'CONTINUE');
  clock.pass(second);
  const events = eventsOf(aws);
  aws.leaveWarmPool(id);
  assert.equal(aws.lifecycleState(id), 'Pending:Wait');
  const action = events.find((one) => one['detail-type'] === 'EC2 Instance-launch Lifecycle Action');
  assert.deepEqual(summaryOf(action ?? {}, 'Origin', 'Destination', 'Action').slice(1), [
    ...['WarmPool', 'AutoScalingGroup', undefined],
  ]);
  await complete(aws, 'CONTINUE', { LifecycleHookName: 'launch' });
  clock.pass(second);
  aws.returnToWarmPool(id);
  await complete(aws, 'CONTINUE');
  clock.pass(second);
  const [end] = aws.terminateInstance(id);
  assert.deepEqual(summaryOf(end ?? {}, 'Origin', 'Destination').slice(1), ['WarmPool', 'EC2']);
  assert.equal(aws.lifecycleState(id), 'Warmed:Terminating:Wait');
});
