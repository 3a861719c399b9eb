import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { call, clientOptions, type Keys, second, started } from './account.ts';
import { containerKeys } from './container-credentials.ts';
import { fakeClock } from './fake-clock.ts';
import { everyService, responsesOf } from './services.ts';

// A drain can run longer than its credentials are valid, so expired ones must fail.
test('container credentials rotate, and the old ones expire', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  const describe = (credentials: Keys) =>
    new AutoScalingClient({ ...clientOptions(aws, credentials), maxAttempts: 2 }).send(
      new DescribeAutoScalingGroupsCommand({}),
    );
  const old = await containerKeys(aws);
  await describe(old);
  aws.rotateCredentials({ lifetimeSeconds: 900 });
  await assert.rejects(describe(old), { name: 'ExpiredToken' });
  const fresh = await containerKeys(aws);
  assert.equal(fresh.expiration.getTime(), clock.now() + 900 * second);
  await describe(fresh);
  await assert.rejects(describe({ ...fresh, sessionToken: 'other' }), { name: 'InvalidClientTokenId' });
  const { accessKeyId, secretAccessKey } = fresh;
  await assert.rejects(describe({ accessKeyId, secretAccessKey }), { name: 'InvalidClientTokenId' });

  clock.pass(900 * second);
  await assert.rejects(describe(fresh), { name: 'ExpiredToken' });
  await describe(await containerKeys(aws));

  const uri = aws.environmentWithContainerCredentials()['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '';
  assert.equal((await fetch(uri, { headers: { authorization: 'other' } })).status, 403);
  aws.faults.add({ when: ({ path }) => path === 'credentials', fault: { kind: 'status', status: 500 } });
  await assert.rejects(containerKeys(aws), /500/);
});

// If the SDK does not recognise an expiry error, it does not load new credentials.
test('every service refuses expired credentials with its own error', async (t) => {
  const aws = await started(t);
  const keys = await containerKeys(aws);
  const { autoscaling, ecs } = await responsesOf(aws, keys);
  assert.deepEqual(
    [autoscaling, ecs],
    [
      [200, undefined],
      [200, undefined],
    ],
  );
  aws.rotateCredentials();
  assert.deepEqual(await responsesOf(aws, keys), {
    autoscaling: [403, 'ExpiredToken'],
    sts: [403, 'ExpiredToken'],
    ec2: [400, 'RequestExpired'],
    ecs: [400, 'ExpiredTokenException'],
    eks: [403, 'ExpiredTokenException'],
    s3: [400, 'ExpiredToken'],
  });
});

// The credentials endpoint is a process on the host, which can be slow or fail.
test('the credentials endpoint can hang, reset or throttle while its credentials stay valid', async (t) => {
  const aws = await started(t);
  const keys = await containerKeys(aws);
  const isCredentials = ({ path }: { path: string }) => path === 'credentials';
  aws.faults.add({ when: isCredentials, times: 1, fault: { kind: 'reset' } });
  await assert.rejects(containerKeys(aws), { message: 'fetch failed' });
  aws.faults.add({ when: isCredentials, times: 1, fault: { kind: 'throttle' } });
  await assert.rejects(containerKeys(aws), /429/);
  aws.faults.add({ when: isCredentials, times: 1, fault: { kind: 'hang' } });
  const hanging = containerKeys(aws);
  const outcome = Promise.allSettled([hanging]);
  assert.equal((await call(aws, { ...everyService.sts, keys })).status, 200);
  assert.deepEqual((await containerKeys(aws)).accessKeyId, keys.accessKeyId);
  await aws.stop();
  assert.equal((await outcome)[0]?.status, 'rejected');
});
