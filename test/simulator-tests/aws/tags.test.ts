import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeInstancesCommand, DescribeTagsCommand, EC2Client, type Filter } from '@aws-sdk/client-ec2';
import { clientOptions, id, seed, started } from './account.ts';

// What says to which cluster an instance belongs, and whether its drain is held.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html
test('EC2 describes the tags of instances, by instance and key', async (t) => {
  const aws = await started(t);
  seed(aws);
  aws.launchInstance({ instanceId: 'i-00000000', tags: { 'kubernetes.io/cluster/other': 'owned' } });
  aws.tagInstance(id, { 'node-drainer/hold': 'true', 'kubernetes.io/cluster/demo': 'owned' });
  aws.tagInstance(id, { 'node-drainer/hold': 'false' });
  const client = new EC2Client(clientOptions(aws));
  const tags = async (...Filters: Filter[]) => {
    const { Tags = [] } = await client.send(new DescribeTagsCommand({ Filters }));
    return Tags.map(({ ResourceId, ResourceType, Key, Value }) => `${ResourceType} ${ResourceId} ${Key}=${Value}`);
  };
  assert.deepEqual(await tags({ Name: 'resource-id', Values: [id] }), [
    `instance ${id} aws:autoscaling:groupName=nodes`,
    `instance ${id} node-drainer/hold=false`,
    `instance ${id} kubernetes.io/cluster/demo=owned`,
  ]);
  const byKey = { Name: 'key', Values: ['node-drainer/hold', 'kubernetes.io/cluster/*'] };
  assert.equal((await tags(byKey)).length, 3);
  assert.deepEqual(await tags(byKey, { Name: 'resource-id', Values: ['i-00000000', 'i-11111111'] }), [
    'instance i-00000000 kubernetes.io/cluster/other=owned',
  ]);
  await assert.rejects(tags({ Name: 'colour', Values: ['blue'] }), { name: 'InvalidParameterValue' });
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  assert.equal(Reservations?.[0]?.Instances?.[0]?.Tags?.length, 3);
});

// A look at many instances that reads the first page only.
test('tags are paged', async (t) => {
  const aws = await started(t);
  for (let n = 0; n < 7; n += 1) aws.launchInstance({ instanceId: `i-0000000${n}`, tags: { n: String(n) } });
  const client = new EC2Client(clientOptions(aws));
  const first = await client.send(new DescribeTagsCommand({ MaxResults: 5 }));
  const second = await client.send(new DescribeTagsCommand({ MaxResults: 5, NextToken: first.NextToken }));
  assert.deepEqual([first.Tags?.length, second.Tags?.length, second.NextToken], [5, 2, undefined]);
  await assert.rejects(client.send(new DescribeTagsCommand({ MaxResults: 4 })), { name: 'InvalidParameterValue' });
});
