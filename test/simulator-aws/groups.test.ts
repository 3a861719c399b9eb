import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  paginateDescribeAutoScalingGroups,
} from '@aws-sdk/client-auto-scaling';
import { clientOptions, started } from './account.ts';

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
