import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { clientOptions, type Keys, second, started } from './account.ts';
import { fakeClock } from './clock.ts';
import { containerKeys } from './container.ts';

// A drain outlives its credentials: what worked an hour ago must stop working here too.
test('container credentials rotate, and the old ones are expired', async (t) => {
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
