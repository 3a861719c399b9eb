import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeScalingActivitiesCommand,
  paginateDescribeScalingActivities,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { clientOptions, hook, id, second, seed, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';

const ofGroup = { AutoScalingGroupName: 'nodes' };

// A task of a sweep derives the end of the action from status, description and start.
test('a termination with a pending hook is an activity in progress, and a finished one has an end', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws);
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  clock.pass(60 * second);
  const begin = clock.now();
  const { Activity: begun } = await client.send(
    new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: id, ShouldDecrementDesiredCapacity: false }),
  );
  assert.deepEqual([begun?.StatusCode, begun?.Progress, begun?.StartTime?.getTime()], ['InProgress', 0, begin]);

  const newest = async () => {
    const { Activities = [] } = await client.send(new DescribeScalingActivitiesCommand(ofGroup));
    const [
      { ActivityId, Description, StatusCode, Progress, StartTime, EndTime } = assert.fail('there is no activity'),
    ] = Activities;
    assert.equal(ActivityId, begun?.ActivityId, 'the same in every answer');
    assert.equal(Description, `Terminating EC2 instance: ${id}`);
    assert.equal(StartTime?.getTime(), begin);
    return [StatusCode, Progress, EndTime?.getTime()];
  };
  clock.pass(10 * second);
  assert.deepEqual(await newest(), ['MidTerminatingLifecycleAction', 60, undefined]);
  await client.send(new CompleteLifecycleActionCommand({ ...hook, InstanceId: id, LifecycleActionResult: 'CONTINUE' }));
  assert.deepEqual(await newest(), ['InProgress', 60, undefined]);
  clock.pass(10 * second);
  assert.deepEqual(await newest(), ['Successful', 100, begin + 11 * second]);
});

// A client that reads only one page relies on finding all activities in progress.
test('activities in progress come first, then the newest, in pages of a hundred', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  seed(aws);
  aws.terminateInstance(id);
  aws.createAutoScalingGroup({ name: 'others' });
  aws.launchInstance({ instanceId: 'i-00000000', autoScalingGroupName: 'others' });
  for (let n = 1; n <= 120; n += 1) {
    clock.pass(second);
    aws.launchInstance({ instanceId: `i-${n.toString(16).padStart(17, '0')}`, autoScalingGroupName: 'nodes' });
  }
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  const pages: (string | undefined)[][] = [];
  for await (const { Activities = [] } of paginateDescribeScalingActivities({ client }, ofGroup)) {
    pages.push(Activities.map(({ Description }) => Description));
  }
  assert.deepEqual(
    pages.map(({ length }) => length),
    [100, 22],
  );
  assert.deepEqual(pages[0]?.slice(0, 2), [
    `Terminating EC2 instance: ${id}`,
    `Launching a new EC2 instance: i-${(120).toString(16).padStart(17, '0')}`,
  ]);
  assert.equal(pages[1]?.at(-1), `Launching a new EC2 instance: ${id}`);
});

// A simulator that ignores a parameter hides bugs.
test('activities are found by ID, and unsupported filters, limits and groups are refused', async (t) => {
  const aws = await started(t);
  seed(aws);
  aws.terminateInstance(id);
  const client = new AutoScalingClient(clientOptions(aws));
  const { Activities: [first] = [] } = await client.send(new DescribeScalingActivitiesCommand({}));
  const ids = [first?.ActivityId ?? '', '00000000-0000-0000-0000-000000000000'];
  const { Activities } = await client.send(new DescribeScalingActivitiesCommand({ ActivityIds: ids }));
  assert.deepEqual(
    Activities?.map(({ ActivityId }) => ActivityId),
    [first?.ActivityId],
  );
  for (const input of [
    { AutoScalingGroupName: 'none' },
    { MaxRecords: 101 },
    { ...ofGroup, Filters: [{ Name: 'Status', Values: ['Successful'] }] },
  ]) {
    await assert.rejects(client.send(new DescribeScalingActivitiesCommand(input)), { name: 'ValidationError' });
  }
});
