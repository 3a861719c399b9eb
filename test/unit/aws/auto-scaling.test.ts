import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { autoScaling } from '../../../app/aws/auto-scaling.ts';
import { describeInstance } from '../../../app/aws/ec2.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { ACCESS_DENIED } from '../../support/access-denied.ts';
import { simulatedAws } from '../../support/simulated-aws.ts';

const id = 'i-0123456789abcdef0';
const never = new AbortController().signal;

/** A simulated AWS with one instance, in a group with a terminating hook. */
async function awsWithInstance(t: TestContext) {
  const aws = await simulatedAws(t);
  aws.createAutoScalingGroup({ name: 'nodes', desiredCapacity: 1 });
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'drainer', heartbeatTimeout: 300 });
  aws.launchInstance({
    instanceId: id,
    autoScalingGroupName: 'nodes',
    tags: { 'kubernetes.io/cluster/prod': 'owned' },
  });
  const warnings: string[] = [];
  const service = await autoScaling({ name: aws.environment['AWS_REGION'] ?? '' }, (message) => warnings.push(message));
  return { aws, service, warnings, hooks: (known = {}) => service.terminatingHooks('nodes', id, known, never) };
}

// An instance that is gone is an error that is retried, instead of nothing to do.
test('an instance has its group and lifecycle state; an instance in no group is undefined', async (t) => {
  const { aws, service } = await awsWithInstance(t);
  assert.deepEqual(await service.instanceState(id, never), { group: 'nodes', lifecycleState: 'InService' });
  aws.terminateInstance(id);
  assert.deepEqual(await service.instanceState(id, never), { group: 'nodes', lifecycleState: 'Terminating:Wait' });
  assert.equal(await service.instanceState('i-00000000', never), undefined);
});

// The task of a sweep does not know when its lifecycle action ends: it has no event to read it from.
test('the start of a termination is known to the millisecond; an instance in service has none', async (t) => {
  const { aws, service } = await awsWithInstance(t);
  assert.equal(await service.terminationStartedAt('nodes', id, never), undefined);
  aws.terminateInstance(id);
  assert.equal(await service.terminationStartedAt('nodes', id, never), aws.lifecycleActions(id)[0]?.startedAt);
  assert.equal(await service.terminationStartedAt('nodes', 'i-00000000', never), undefined);
  const when = ({ path }: { path: string }) => path === 'autoscaling:DescribeScalingActivities';
  aws.faults.add({ when, times: 1, fault: ACCESS_DENIED });
  await assert.rejects(service.terminationStartedAt('nodes', id, never), (error) => {
    assert.ok(error instanceof Failure);
    return !error.transient && /autoscaling:DescribeScalingActivities/.test(error.advice ?? '');
  });
});

// The drainer completes a launching hook, and an instance that is not ready is put into service.
test('only terminating hooks are returned, with their timeouts', async (t) => {
  const { aws, hooks } = await awsWithInstance(t);
  aws.putLifecycleHook({
    autoScalingGroupName: 'nodes',
    lifecycleHookName: 'warm-up',
    transition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
  });
  const found = await hooks();
  assert.deepEqual(
    found.map(({ name, heartbeatTimeoutSeconds, globalTimeoutSeconds }) => ({
      name,
      heartbeatTimeoutSeconds,
      globalTimeoutSeconds,
    })),
    [{ name: 'drainer', heartbeatTimeoutSeconds: 300, globalTimeoutSeconds: 30_000 }],
  );
});

// The drainer completes the hook of another tool.
test('only the hook that the event names is returned, or every hook if it names none', async (t) => {
  const { aws, hooks } = await awsWithInstance(t);
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'logs' });
  assert.deepEqual(
    (await hooks({ hook: 'logs' })).map(({ name }) => name),
    ['logs'],
  );
  assert.deepEqual((await hooks()).map(({ name }) => name).sort(), ['drainer', 'logs']);
});

// "No active Lifecycle Action", the reply after a duplicate event or a timeout, is retried forever.
test('heartbeat and completion return whether the action was active', async (t) => {
  const { aws, hooks } = await awsWithInstance(t);
  const [hook] = await hooks();
  assert.ok(hook);
  assert.equal(await hook.heartbeat(never), 'ended');
  assert.equal(await hook.complete('CONTINUE', never), 'ended');
  aws.terminateInstance(id);
  assert.equal(await hook.heartbeat(never), 'active');
  assert.equal(aws.lifecycleState(id), 'Terminating:Wait');
  assert.equal(await hook.complete('CONTINUE', never), 'active');
  assert.notEqual(aws.lifecycleState(id), 'Terminating:Wait');
  assert.equal(await hook.heartbeat(never), 'ended');
  assert.equal(await hook.complete('CONTINUE', never), 'ended');
});

// A late event of an earlier action completes the present one.
test('the token of the event is sent; the token of another action is replaced by the instance ID, with a warning', async (t) => {
  const { aws, hooks, warnings } = await awsWithInstance(t);
  const [event] = aws.terminateInstance(id);
  assert.ok(event);
  const token = event.detail.LifecycleActionToken;
  const [ours] = await hooks({ hook: 'drainer', token });
  const [theirs] = await hooks({ hook: 'drainer', token: '00000000-0000-0000-0000-000000000000' });
  assert.equal(await theirs?.heartbeat(never), 'active');
  assert.match(warnings.join(), /no active lifecycle action has the token of the event; using the action of i-/);
  assert.equal(await ours?.heartbeat(never), 'active');
  assert.equal(warnings.length, 1);
});

// A drain that lasts longer than its action would send heartbeats for, and complete, the next action of the same instance.
test('a token that had an active action is not replaced later', async (t) => {
  const { aws, hooks, warnings } = await awsWithInstance(t);
  const [event] = aws.terminateInstance(id);
  const [hook] = await hooks({ hook: 'drainer', token: event?.detail.LifecycleActionToken ?? '' });
  assert.equal(await hook?.heartbeat(never), 'active');
  assert.equal(await hook?.complete('CONTINUE', never), 'active');
  assert.equal(await hook?.heartbeat(never), 'ended');
  const calls = aws.requests.filter(({ action }) => action === 'autoscaling:RecordLifecycleActionHeartbeat');
  assert.deepEqual([calls.length, warnings], [2, []]);
});

// Any other error, such as a wrong setting, counts as "ended", and the node is not drained.
test('other errors are failures that are transient or not', async (t) => {
  const { aws, hooks } = await awsWithInstance(t);
  aws.terminateInstance(id);
  const [hook] = await hooks();
  assert.ok(hook);
  const when = ({ path }: { path: string }) => path === 'autoscaling:RecordLifecycleActionHeartbeat';
  aws.faults.add({ when, times: 1, fault: ACCESS_DENIED });
  await assert.rejects(hook.heartbeat(never), (error) => {
    assert.ok(error instanceof Failure);
    assert.match(error.advice ?? '', /autoscaling:RecordLifecycleActionHeartbeat/);
    return !error.transient;
  });
  assert.equal(await hook.heartbeat(never), 'active');
});

// An instance that EC2 no longer knows is an error that is retried.
test('an EC2 instance has its private DNS name and clusters; an unknown instance is undefined', async (t) => {
  const { aws } = await awsWithInstance(t);
  const region = aws.environment['AWS_REGION'] ?? '';
  const instance = await describeInstance(id, { name: region }, never);
  assert.deepEqual(instance?.clusters, ['prod']);
  assert.match(instance.privateDnsName ?? '', /^ip-10-0-\d+-\d+\.eu-central-1\.compute\.internal$/);
  assert.equal(await describeInstance('i-00000000', { name: region }, never), undefined);
});

// Instances that are launching or terminating count as capacity, and evicted pods stay pending.
test('the capacity of a group is its desired capacity and its instances in service', async (t) => {
  const { aws, service } = await awsWithInstance(t);
  const other = 'i-0fedcba9876543210';
  aws.launchInstance({ instanceId: other, autoScalingGroupName: 'nodes' });
  const capacity = () => service.groupCapacity('nodes', never);
  assert.deepEqual((await capacity()).inService.toSorted(), [id, other]);
  aws.terminateInstance(id);
  const { desired, inService } = await capacity();
  assert.deepEqual(inService, [other]);
  assert.ok(desired >= 1);
  assert.deepEqual(await service.groupCapacity('no-such-group', never), { desired: 0, inService: [] });
});
