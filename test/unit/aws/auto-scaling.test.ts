import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { autoScaling } from '../../../app/aws/auto-scaling.ts';
import { describeInstance } from '../../../app/aws/ec2.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { ACCESS_DENIED } from '../../support/access-denied.ts';
import { awsOfProcess } from '../../support/aws-of-process.ts';

const id = 'i-0123456789abcdef0';
const never = new AbortController().signal;

/** The simulated AWS with an instance in a group with a hook, and the environment that leads the SDK to it. */
async function started(t: TestContext) {
  const aws = await awsOfProcess(t);
  aws.createAutoScalingGroup({ name: 'nodes', desiredCapacity: 1 });
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'drainer', heartbeatTimeout: 300 });
  aws.launchInstance({
    instanceId: id,
    autoScalingGroupName: 'nodes',
    tags: { 'kubernetes.io/cluster/prod': 'owned' },
  });
  const service = await autoScaling(aws.environment['AWS_REGION'] ?? '');
  return { aws, service, hooks: (known = {}) => service.terminatingHooks('nodes', id, known, never) };
}

test('an instance is found with its group and state; one that is in no group is an answer', async (t) => {
  const { aws, service } = await started(t);
  assert.deepEqual(await service.instanceState(id, never), { group: 'nodes', lifecycleState: 'InService' });
  aws.terminateInstance(id);
  assert.deepEqual(await service.instanceState(id, never), { group: 'nodes', lifecycleState: 'Terminating:Wait' });
  assert.equal(await service.instanceState('i-00000000', never), undefined);
});

// The task of a sweep knows by nothing else when its action ends.
test('the begin of a termination is found, to the millisecond; of an instance at work there is none', async (t) => {
  const { aws, service } = await started(t);
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

// A launching hook that is completed by the drainer puts an instance into service that is not ready.
test('only terminating hooks are found, with the times that they have', async (t) => {
  const { aws, hooks } = await started(t);
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

test('of several hooks the one that the event names is taken, and all of them when it names none', async (t) => {
  const { aws, hooks } = await started(t);
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'logs' });
  assert.deepEqual(
    (await hooks({ hook: 'logs' })).map(({ name }) => name),
    ['logs'],
  );
  assert.deepEqual((await hooks()).map(({ name }) => name).sort(), ['drainer', 'logs']);
});

// "No active Lifecycle Action" is how a duplicate event and a timeout look; as a failure it would be retried for ever.
test('beating and completing say whether the action is active', async (t) => {
  const { aws, hooks } = await started(t);
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

test('the token of the event is sent, and one that is not of this action is not taken for it', async (t) => {
  const { aws, hooks } = await started(t);
  const [event] = aws.terminateInstance(id);
  assert.ok(event);
  const token = event.detail.LifecycleActionToken;
  const [ours] = await hooks({ hook: 'drainer', token });
  const [theirs] = await hooks({ hook: 'drainer', token: '00000000-0000-0000-0000-000000000000' });
  assert.equal(await theirs?.heartbeat(never), 'ended');
  assert.equal(await ours?.heartbeat(never), 'active');
});

// Any other validation error is a bug or a wrong setting: taking it for "ended" would leave the node undrained.
test('other faults are failures that say whether they may pass', async (t) => {
  const { aws, hooks } = await started(t);
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

test('EC2 tells the private DNS name and the clusters; that it knows no such instance is an answer', async (t) => {
  const { aws } = await started(t);
  const region = aws.environment['AWS_REGION'] ?? '';
  const facts = await describeInstance(id, region, never);
  assert.deepEqual(facts?.clusters, ['prod']);
  assert.match(facts.privateDnsName ?? '', /^ip-10-0-\d+-\d+\.eu-central-1\.compute\.internal$/);
  assert.equal(await describeInstance('i-00000000', region, never), undefined);
});

// An instance that is still launching, or going too, takes no pods: counting it evicts them into the void.
test('of a group it is told how many instances it wants, and which are in service', async (t) => {
  const { aws, service } = await started(t);
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
