import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { clientOptions, started } from './account.ts';
import { answersOf } from './services.ts';

// A refusal that the SDK does not know for throttling is not retried as throttling is, and the test passes for a lie.
test('one kind of fault throttles every service in its own protocol', async (t) => {
  const aws = await started(t);
  aws.faults.add({ when: () => true, fault: { kind: 'throttle' } });
  assert.deepEqual(await answersOf(aws), {
    autoscaling: [400, 'Throttling'],
    sts: [400, 'Throttling'],
    ec2: [503, 'RequestLimitExceeded'],
    ecs: [400, 'ThrottlingException'],
    eks: [429, 'ThrottlingException'],
    s3: [503, 'SlowDown'],
  });
});

// Only what the SDK takes for throttling makes it slow down, and only a fault that ends lets one see it go on.
test('the SDK takes the fault for throttling, and tries again', async (t) => {
  const aws = await started(t);
  const { hits } = aws.faults.add({
    when: ({ path }) => path === 'ec2:DescribeInstances',
    times: 1,
    fault: { kind: 'throttle' },
  });
  await new EC2Client({ ...clientOptions(aws), maxAttempts: 2 }).send(new DescribeInstancesCommand({}));
  assert.equal(hits(), 1);
  assert.deepEqual(
    aws.requests.map(({ status }) => status),
    [503, 200],
  );
});
