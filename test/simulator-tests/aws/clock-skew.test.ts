import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { call, callerIdentity, clientOptions, second, started } from './account.ts';
import { token } from './eks-token.ts';
import { fakeClock } from './fake-clock.ts';
import { codeIn, everyService, serviceNames } from './services.ts';

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

const skewed = {
  autoscaling: [403, 'SignatureDoesNotMatch'],
  sts: [403, 'SignatureDoesNotMatch'],
  ec2: [400, 'RequestExpired'],
  ecs: [400, 'InvalidSignatureException'],
  eks: [403, 'InvalidSignatureException'],
  s3: [403, 'RequestTimeTooSkewed'],
};

// A refusal without the server's time is one that no client can correct itself by.
test('every service refuses a clock that is too far off in its own words, and tells its own time', async (t) => {
  for (const minutes of [-16, -10, -4, 4, 10, 16]) {
    const off = minutes * 60 * second;
    const aws = await started(t, { now: () => Date.now() + off });
    for (const name of serviceNames) {
      const { status, body, headers } = await call(aws, everyService[name]);
      const isRefused = Math.abs(minutes) > (name === 's3' ? 15 : 5);
      const what = `${name} at ${minutes} minutes`;
      if (isRefused) assert.deepEqual([status, codeIn(body)], skewed[name], what);
      else assert.ok(status === 200 || status === 404, `${what}: ${status}`);
      const told = Date.parse(headers.date ?? '') - Date.now();
      assert.ok(Math.abs(told - off) < 5 * second, `${what} it says ${headers.date}`);
      if (name === 's3' && isRefused) assert.match(body, /<ServerTime>.*<MaxAllowedSkewMilliseconds>900000</);
    }
  }
});

// A token from a clock that is ahead is refused by STS for minutes, though the same program's other calls succeed.
test('an EKS token is refused from a clock ten minutes ahead, and lives on from one behind', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  const verdict = (date: string) => JSON.stringify(aws.verifyToken(token(aws, { date }), 'demo'));
  assert.match(verdict('20260102T031405Z'), /in the future: signature not yet current/);
  assert.match(verdict('20260102T030905Z'), /user\/simulated/, 'five minutes are tolerated');
  assert.match(verdict('20260102T025405Z'), /user\/simulated/, 'ten of its fifteen minutes are gone');
  assert.match(verdict('20260102T024904Z'), /15 minute expiration/);
});
