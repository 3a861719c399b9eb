import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeLifecycleHooksCommand,
  PutLifecycleHookCommand,
  RecordLifecycleActionHeartbeatCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { clientOptions, hook, id, second, seed, soleAction, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';

// If a heartbeat extended the timeout instead of restarting it, tests could not detect rare heartbeats.
test('a heartbeat restarts the timeout, and completion terminates the instance', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws, { heartbeatTimeout: 60 });
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  const begin = clock.now();
  await client.send(
    new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: id, ShouldDecrementDesiredCapacity: true }),
  );
  assert.equal(soleAction(aws).expiresAt, begin + 60 * second);

  clock.pass(50 * second);
  await client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id }));
  assert.equal(soleAction(aws).expiresAt, begin + 110 * second);
  assert.equal(soleAction(aws).heartbeats, 1);

  clock.pass(59 * second);
  const { AutoScalingInstances } = await client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [id] }));
  assert.deepEqual(
    AutoScalingInstances?.map(({ AutoScalingGroupName, LifecycleState }) => [AutoScalingGroupName, LifecycleState]),
    [['nodes', 'Terminating:Wait']],
  );

  const { token } = soleAction(aws);
  await client.send(
    new CompleteLifecycleActionCommand({ ...hook, LifecycleActionToken: token, LifecycleActionResult: 'CONTINUE' }),
  );
  assert.equal(soleAction(aws).state, 'completed');
  assert.equal(aws.lifecycleState(id), 'Terminating:Proceed');
  clock.pass(10 * second);
  const gone = await client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [id] }));
  assert.deepEqual(gone.AutoScalingInstances, []);
});

// A late drainer must get the error message that it recognises, by token and by instance ID.
test('a hook that times out applies its default result, and refuses a later completion', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws, { heartbeatTimeout: 60, defaultResult: 'CONTINUE' });
  aws.terminateInstance(id);
  clock.pass(60 * second);
  const { state, result, token } = soleAction(aws);
  assert.deepEqual([state, result], ['timed-out', 'CONTINUE']);

  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  const completion = { ...hook, LifecycleActionResult: 'CONTINUE' };
  await assert.rejects(client.send(new CompleteLifecycleActionCommand({ ...completion, InstanceId: id })), {
    name: 'ValidationError',
    message: `No active Lifecycle Action found with instance ID ${id}`,
  });
  await assert.rejects(
    client.send(new CompleteLifecycleActionCommand({ ...completion, LifecycleActionToken: token })),
    {
      name: 'ValidationError',
      message: `No active Lifecycle Action found with token ${token}`,
    },
  );
});

// A heartbeat before the termination must not succeed.
test('an instance in service has no active lifecycle action', async (t) => {
  const aws = await started(t);
  seed(aws);
  const client = new AutoScalingClient(clientOptions(aws));
  const { AutoScalingInstances } = await client.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [id] }));
  assert.equal(AutoScalingInstances?.[0]?.LifecycleState, 'InService');
  await assert.rejects(client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id })), {
    name: 'ValidationError',
    message: `No active Lifecycle Action found with instance ID ${id}`,
  });
});

// A program that relies on heartbeats alone would exceed the global timeout of AWS.
test('no heartbeat extends an action beyond the global timeout', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws, { heartbeatTimeout: 30 });
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  const { LifecycleHooks } = await client.send(new DescribeLifecycleHooksCommand({ AutoScalingGroupName: 'nodes' }));
  assert.deepEqual(
    LifecycleHooks?.map(({ HeartbeatTimeout, GlobalTimeout, DefaultResult }) => [
      HeartbeatTimeout,
      GlobalTimeout,
      DefaultResult,
    ]),
    [[30, 3000, 'ABANDON']],
  );
  await client.send(
    new PutLifecycleHookCommand({
      AutoScalingGroupName: 'nodes',
      LifecycleHookName: 'other',
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
      HeartbeatTimeout: 7200,
    }),
  );
  const other = await client.send(
    new DescribeLifecycleHooksCommand({ AutoScalingGroupName: 'nodes', LifecycleHookNames: ['other'] }),
  );
  assert.equal(other.LifecycleHooks?.[0]?.GlobalTimeout, 172_800);

  const end = clock.now() + 3000 * second;
  aws.terminateInstance(id);
  while (clock.now() < end - 20 * second) {
    clock.pass(20 * second);
    await client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id }));
  }
  assert.equal(soleAction(aws).expiresAt, end);
  clock.pass(20 * second);
  assert.deepEqual([soleAction(aws).state, soleAction(aws).result], ['timed-out', 'ABANDON']);
});

// If the first CONTINUE terminated the instance, tests could not detect other pending hooks.
test('CONTINUE waits for the other hooks, ABANDON stops them', async (t) => {
  const aws = await started(t);
  seed(aws);
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'logs' });
  aws.putLifecycleHook({
    autoScalingGroupName: 'nodes',
    lifecycleHookName: 'launch',
    transition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
  });
  aws.launchInstance({ instanceId: 'i-00000000', autoScalingGroupName: 'nodes' });
  const client = new AutoScalingClient(clientOptions(aws));
  const complete = (InstanceId: string, LifecycleHookName: string, LifecycleActionResult: string) =>
    client.send(new CompleteLifecycleActionCommand({ ...hook, InstanceId, LifecycleHookName, LifecycleActionResult }));
  const states = (instanceId: string) => aws.lifecycleActions(instanceId).map(({ state }) => state);

  assert.equal(aws.terminateInstance(id).length, 2);
  await complete(id, 'drainer', 'CONTINUE');
  assert.deepEqual([states(id), aws.lifecycleState(id)], [['completed', 'pending'], 'Terminating:Wait']);
  await complete(id, 'logs', 'CONTINUE');
  assert.notEqual(aws.lifecycleState(id), 'Terminating:Wait');

  aws.terminateInstance('i-00000000');
  await complete('i-00000000', 'logs', 'ABANDON');
  assert.deepEqual(states('i-00000000'), ['stopped', 'completed']);
  assert.notEqual(aws.lifecycleState('i-00000000'), 'Terminating:Wait');
});

// The event is the only input of the drainer: with a wrong field name, it cannot start in production.
test('the lifecycle event of a termination has the fields that AWS documents', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws);
  const received: unknown[] = [];
  aws.onEvent((event) => received.push(event));
  const [event] = aws.terminateInstance(id);
  assert.ok(event);
  assert.match(event.resources[0] ?? '', /^arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:.*\/nodes$/);
  assert.deepEqual(
    { ...event, id: '', resources: [] },
    {
      version: '0',
      id: '',
      'detail-type': 'EC2 Instance-terminate Lifecycle Action',
      source: 'aws.autoscaling',
      account: '123456789012',
      time: '2026-01-02T03:04:05Z',
      region: 'eu-central-1',
      resources: [],
      detail: {
        LifecycleActionToken: soleAction(aws).token,
        AutoScalingGroupName: 'nodes',
        LifecycleHookName: 'drainer',
        EC2InstanceId: id,
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
        Origin: 'AutoScalingGroup',
        Destination: 'EC2',
      },
    },
  );
  assert.deepEqual(received, [event]);
  assert.deepEqual(aws.terminateInstance(id), [], 'terminating twice starts nothing');
});

// Short timeouts in tests must be proportional to those of the hook.
test('a time scale shortens lifecycle timeouts', async (t) => {
  const aws = await started(t, { timeScale: 100 });
  seed(aws, { heartbeatTimeout: 30 });
  aws.terminateInstance(id);
  const { startedAt, expiresAt, endsAt } = soleAction(aws);
  assert.deepEqual([expiresAt - startedAt, endsAt - startedAt], [300, 30_000]);
});
