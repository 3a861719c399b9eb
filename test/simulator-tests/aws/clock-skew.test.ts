import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { call, callerIdentity, clientOptions, second, started } from './account.ts';
import { token } from './eks-token.ts';
import { fakeClock } from './fake-clock.ts';
import { codeIn, everyService, serviceNames } from './services.ts';

// A container with a wrong clock must fail as it does in AWS, and the SDK must be able to correct the skew.
test('a clock skew of ten minutes is refused, and the SDK corrects it by the Date header', async (t) => {
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

const skewed = {
  autoscaling: [403, 'SignatureDoesNotMatch'],
  sts: [403, 'SignatureDoesNotMatch'],
  ec2: [400, 'RequestExpired'],
  ecs: [400, 'InvalidSignatureException'],
  eks: [403, 'InvalidSignatureException'],
  s3: [403, 'RequestTimeTooSkewed'],
};

// Without the time of the server in the error, no client can correct its clock.
test('every service refuses a large clock skew with its own error, and returns its own time', async (t) => {
  for (const minutes of [-16, -10, -4, 4, 10, 16]) {
    const off = minutes * 60 * second;
    const aws = await started(t, { now: () => Date.now() + off });
    for (const name of serviceNames) {
      const { status, body, headers } = await call(aws, everyService[name]);
      const isRefused = Math.abs(minutes) > (name === 's3' ? 15 : 5);
      const what = `${name} at ${minutes} minutes`;
      if (isRefused) assert.deepEqual([status, codeIn(body)], skewed[name], what);
      else assert.ok(status === 200 || status === 404, `${what}: ${status}`);
      const date = Date.parse(headers.date ?? '') - Date.now();
      assert.ok(Math.abs(date - off) < 5 * second, `${what}: the Date header is ${headers.date}`);
      if (name === 's3' && isRefused) assert.match(body, /<ServerTime>.*<MaxAllowedSkewMilliseconds>900000</);
    }
  }
});

// STS refuses a token from a fast clock, although other calls of the same program succeed.
test('an EKS token from a clock ten minutes ahead is refused, and one from a slow clock expires earlier', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  const verdict = (date: string) => JSON.stringify(aws.verifyToken(token(aws, { date }), 'demo'));
  assert.match(verdict('20260102T031405Z'), /in the future: signature not yet current/);
  assert.match(verdict('20260102T030905Z'), /user\/simulated/, 'five minutes are tolerated');
  assert.match(verdict('20260102T025405Z'), /user\/simulated/, 'five of its fifteen minutes remain');
  assert.match(verdict('20260102T024904Z'), /15 minute expiration/);
});
