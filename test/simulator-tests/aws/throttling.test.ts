import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { clientOptions, started } from './account.ts';
import { responsesOf } from './services.ts';

// If the SDK does not recognise an error as throttling, it retries differently and tests prove nothing.
test('the throttle fault returns the throttling error of every service', async (t) => {
  const aws = await started(t);
  aws.faults.add({ when: () => true, fault: { kind: 'throttle' } });
  assert.deepEqual(await responsesOf(aws), {
    autoscaling: [400, 'Throttling'],
    sts: [400, 'Throttling'],
    ec2: [503, 'RequestLimitExceeded'],
    ecs: [400, 'ThrottlingException'],
    eks: [429, 'ThrottlingException'],
    s3: [503, 'SlowDown'],
  });
});

// A test must see the SDK recover when the throttling ends.
test('the SDK recognises the fault as throttling, and retries', async (t) => {
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
