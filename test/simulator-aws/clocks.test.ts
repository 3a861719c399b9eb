import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { call, callerIdentity, clientOptions, second, started } from './account.ts';

// A container whose clock is off must fail as it would at AWS, and a client that corrects itself must get the chance.
test('a clock ten minutes off is refused, and the SDK corrects itself by the Date header', async (t) => {
  for (const [minutes, reason] of [
    [-10, 'Signature not yet current'],
    [10, 'Signature expired'],
  ] as const) {
    const aws = await started(t, { now: () => Date.now() + minutes * 60 * second });
    const { status, body } = await call(aws, callerIdentity);
    assert.equal(status, 403);
    assert.match(body, new RegExp(`<Code>SignatureDoesNotMatch</Code><Message>${reason}`));
    const s3 = await call(aws, { service: 's3', method: 'GET', path: '/kube/x' });
    assert.match(s3.body, /NoSuchBucket/, 'S3 tolerates 15 minutes');

    const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
    await client.send(new DescribeAutoScalingGroupsCommand({}));
    assert.deepEqual(
      aws.requests.filter(({ action }) => action.startsWith('autoscaling')).map((one) => one.status),
      [403, 200],
    );
  }
});
