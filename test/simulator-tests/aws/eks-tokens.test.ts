import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keysOf, second, started } from './account.ts';
import { containerKeys } from './container-credentials.ts';
import { token } from './eks-token.ts';
import { fakeClock } from './fake-clock.ts';

// Partitions differ in the DNS suffix of their hosts; a wrong one fails only for users there.
test('an EKS token is accepted in every partition, with static and temporary credentials', async (t) => {
  for (const [region, partition] of [
    ['eu-central-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
  ] as const) {
    const aws = await started(t, { region });
    assert.deepEqual(aws.verifyToken(token(aws), 'demo'), { arn: `arn:${partition}:iam::123456789012:user/simulated` });
    const temporary = aws.verifyToken(token(aws, { keys: await containerKeys(aws) }), 'demo');
    assert.ok('arn' in temporary);
    assert.match(temporary.arn, new RegExp(`^arn:${partition}:sts::123456789012:assumed-role/node-drainer-task/`));
  }
});

// The simulated cluster must not accept a token that a real one refuses.
test('an invalid EKS token is refused with the reason', async (t) => {
  const aws = await started(t);
  const refusals: [token: string, reason: RegExp][] = [
    [token(aws, { cluster: 'other' }), /SignatureDoesNotMatch.*cluster "demo"/],
    [token(aws, { keys: { ...keysOf(aws), secretAccessKey: 'wrong' } }), /SignatureDoesNotMatch/],
    [token(aws, { keys: { ...keysOf(aws), accessKeyId: 'AKIAUNKNOWN' } }), /InvalidClientTokenId/],
    [token(aws, { host: 'sts.amazonaws.com' }), /not a regional STS endpoint/],
    [token(aws, { host: '127.0.0.1' }), /not a regional STS endpoint/],
    [token(aws, { host: 'sts.eu-central-1.amazonaws.com.cn' }), /STS in eu-central-1 ends in amazonaws.com$/],
    [token(aws, { region: 'cn-north-1' }), /the cluster is in partition aws/],
    [token(aws, { region: 'us-east-1', host: 'sts.eu-central-1.amazonaws.com' }), /scoped to region us-east-1/],
    [token(aws, { query: 'Action=GetCallerIdentity&Version=2011-06-15' }), /X-Amz-Expires/],
    [token(aws, { query: 'Action=AssumeRole&Version=2011-06-15&X-Amz-Expires=60' }), /unexpected Action parameter/],
    [token(aws, { query: 'Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60&A=b' }), /non-whitelisted/],
    [token(aws, { date: '20200101T000000Z' }), /15 minute expiration/],
    [token(aws, { date: '20990101T000000Z' }), /in the future/],
    [token(aws, { service: 'ec2' }), /scoped to service ec2/],
    [`${token(aws)}=`, /not unpadded base64url/],
    [token(aws).replace('v1', 'v2'), /missing expected "k8s-aws-v1." prefix/],
    [`k8s-aws-v1.${'A'.repeat(4096)}`, /too large/],
    [`k8s-aws-v1.${Buffer.from('no url').toString('base64url')}`, /does not hold a URL/],
  ];
  for (const [invalid, reason] of refusals) {
    const verdict = aws.verifyToken(invalid, 'demo');
    assert.ok('error' in verdict, `accepted, expected ${reason}`);
    assert.match(verdict.error, reason);
  }
});

// A token must expire exactly when STS says, so that tests detect late renewal.
test('an EKS token expires after 15 minutes, and with its credentials', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  const date = '20260102T030405Z';
  const fixed = token(aws, { date });
  const temporary = token(aws, { date, keys: await containerKeys(aws) });
  clock.pass(15 * 60 * second);
  assert.ok('arn' in aws.verifyToken(fixed, 'demo'));
  assert.ok('arn' in aws.verifyToken(temporary, 'demo'));
  aws.rotateCredentials();
  assert.match(JSON.stringify(aws.verifyToken(temporary, 'demo')), /ExpiredToken/);
  clock.pass(1);
  assert.match(JSON.stringify(aws.verifyToken(fixed, 'demo')), /15 minute expiration/);
});
