import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  paginateDescribeAutoScalingGroups,
  RecordLifecycleActionHeartbeatCommand,
} from '@aws-sdk/client-auto-scaling';
import { clientOptions, started } from './account.ts';
import { eventsOf, summaryOf } from './instance-states.ts';

// A sweep that reads only the first page would leave the rest of the region undrained.
test('groups are paged, and filtered by name and tag', async (t) => {
  const aws = await started(t);
  for (let i = 0; i < 120; i += 1) {
    aws.createAutoScalingGroup({ name: `group-${i}`, tags: { team: i % 2 === 0 ? 'even &amp; <co>' : 'odd' } });
  }
  const client = new AutoScalingClient(clientOptions(aws));
  const sizes: number[] = [];
  for await (const page of paginateDescribeAutoScalingGroups({ client, pageSize: 100 }, {})) {
    sizes.push(page.AutoScalingGroups?.length ?? 0);
  }
  assert.deepEqual(sizes, [100, 20]);
  const one = await client.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ['group-7', 'none'] }));
  assert.deepEqual(
    one.AutoScalingGroups?.map(({ AutoScalingGroupName }) => AutoScalingGroupName),
    ['group-7'],
  );
  const tagged = await client.send(
    new DescribeAutoScalingGroupsCommand({
      Filters: [{ Name: 'tag:team', Values: ['even &amp; <co>'] }],
      AutoScalingGroupNames: ['group-7', 'group-8'],
    }),
  );
  assert.deepEqual(
    tagged.AutoScalingGroups?.map(({ AutoScalingGroupName, Tags }) => [AutoScalingGroupName, Tags?.[0]?.Value]),
    [['group-8', 'even &amp; <co>']],
  );
  await assert.rejects(client.send(new DescribeAutoScalingGroupsCommand({ MaxRecords: 101 })), {
    name: 'ValidationError',
  });
});

// A sweep reads all instances of a region; one that is missing on a page is never drained.
test('a thousand instances in a hundred groups are listed once each, with their state', async (t) => {
  const aws = await started(t);
  const idOf = (n: number) => `i-${n.toString(16).padStart(17, '0')}`;
  for (let n = 0; n < 1000; n += 1) {
    const name = `group-${n % 100}`;
    if (n < 100) aws.createAutoScalingGroup({ name });
    if (n < 100) aws.putLifecycleHook({ autoScalingGroupName: name, lifecycleHookName: 'drainer' });
    aws.launchInstance({ instanceId: idOf(n), autoScalingGroupName: name });
  }
  for (let n = 0; n < 1000; n += 10) aws.terminateInstance(idOf(n));
  const client = new AutoScalingClient(clientOptions(aws));
  const seen = new Map<string | undefined, string | undefined>();
  const sizes: number[] = [];
  for await (const page of paginateDescribeAutoScalingGroups({ client, pageSize: 30 }, {})) {
    sizes.push(page.AutoScalingGroups?.length ?? 0);
    const instances = page.AutoScalingGroups?.flatMap(({ Instances = [] }) => Instances) ?? [];
    for (const { InstanceId, LifecycleState } of instances) {
      assert.ok(!seen.has(InstanceId), `${InstanceId} twice`);
      seen.set(InstanceId, LifecycleState);
    }
  }
  assert.deepEqual(sizes, [30, 30, 30, 10]);
  assert.equal(seen.size, 1000);
  assert.deepEqual([seen.get(idOf(10)), seen.get(idOf(11))], ['Terminating:Wait', 'InService']);
  assert.equal([...seen.values()].filter((state) => state === 'Terminating:Wait').length, 100);
  const hook = { AutoScalingGroupName: 'group-10', LifecycleHookName: 'drainer' };
  const [action] = aws.lifecycleActions(idOf(10));
  await client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, LifecycleActionToken: action?.token }));
  assert.equal(aws.lifecycleActions(idOf(10))[0]?.heartbeats, 1);
  const other = { ...hook, AutoScalingGroupName: 'group-11', LifecycleActionToken: action?.token };
  await assert.rejects(client.send(new RecordLifecycleActionHeartbeatCommand(other)), /No active Lifecycle Action/);
});

// A rule for instances that come back must tell them from those that are new.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html#launch-successful
test('the launch of a new instance in a group has an event with origin EC2', async (t) => {
  const aws = await started(t);
  const events = eventsOf(aws);
  aws.createAutoScalingGroup({ name: 'nodes' });
  aws.launchInstance({ instanceId: 'i-00000000', autoScalingGroupName: 'nodes' });
  aws.launchInstance({ instanceId: 'i-11111111' });
  assert.deepEqual(
    events.map((event) => summaryOf(event, 'EC2InstanceId', 'AutoScalingGroupName', 'Origin', 'Destination')),
    [['EC2 Instance Launch Successful', 'i-00000000', 'nodes', 'EC2', 'AutoScalingGroup']],
  );
});
