import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expectedSignature, readSignature } from '../../simulator/aws/protocol/sigv4.ts';
import { call, callerIdentity, clientOptions, keysOf, second, started } from './account.ts';
import { ecs } from './ecs-calls.ts';
import { fakeClock } from './fake-clock.ts';

// The simulator must not share a signing mistake with the code under test.
test('the computed signatures are those in the AWS documentation', () => {
  const listUsers = {
    method: 'GET',
    path: '/',
    query: 'Action=ListUsers&Version=2010-05-08',
    headers: {
      host: 'iam.amazonaws.com',
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ' +
        'SignedHeaders=content-type;host;x-amz-date, ' +
        'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    },
    body: Buffer.alloc(0),
  };
  const inHeader = readSignature(listUsers);
  assert.ok(inHeader);
  assert.equal(expectedSignature(listUsers, inHeader, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'), inHeader.signature);

  const presigned = {
    method: 'GET',
    path: '/test.txt',
    query:
      'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
      '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    headers: { host: 'examplebucket.s3.amazonaws.com' },
    body: Buffer.alloc(0),
  };
  const inQuery = readSignature(presigned);
  assert.ok(inQuery);
  assert.equal(expectedSignature(presigned, inQuery, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'), inQuery.signature);
});

// Without signature checks, a signing mistake is found only in production.
test('every service refuses a wrong secret key with its own error', async (t) => {
  const aws = await started(t);
  const options = clientOptions(aws, { ...keysOf(aws), secretAccessKey: 'wrong' });
  const refusal = (name: string, httpStatusCode: number) => (error: unknown) => {
    assert.ok(error instanceof Error && '$metadata' in error);
    assert.partialDeepStrictEqual(
      { name: error.name, metadata: error.$metadata },
      { name, metadata: { httpStatusCode } },
    );
    return true;
  };
  await assert.rejects(
    new AutoScalingClient(options).send(new DescribeAutoScalingGroupsCommand({})),
    refusal('SignatureDoesNotMatch', 403),
  );
  await assert.rejects(new EC2Client(options).send(new DescribeInstancesCommand({})), refusal('AuthFailure', 401));
  await assert.rejects(
    new EKSClient(options).send(new DescribeClusterCommand({ name: 'demo' })),
    refusal('InvalidSignatureException', 403),
  );
  await assert.rejects(
    new S3Client(options).send(new GetObjectCommand({ Bucket: 'kube', Key: 'config' })),
    refusal('SignatureDoesNotMatch', 403),
  );
  const { credentials: keys } = options;
  const tasks = await call(aws, { ...ecs('ListTasks', {}), keys });
  assert.equal(tasks.status, 400);
  assert.match(tasks.body, /"__type":"InvalidSignatureException"/);
  const unknown = await call(aws, { ...callerIdentity, keys: { ...keys, accessKeyId: 'AKIAUNKNOWN' } });
  assert.equal(unknown.status, 403);
  assert.match(unknown.body, /<Code>InvalidClientTokenId<\/Code>/);
});

// A signature over the headers alone would let a proxy change the body.
test('a body, region or header that differs from the signed one is refused', async (t) => {
  const aws = await started(t);
  const changed = await call(aws, { ...callerIdentity, sentBody: 'Action=GetCallerIdentity&Version=2011-06-16' });
  assert.match(changed.body, /<Code>SignatureDoesNotMatch<\/Code>/);
  const put = await call(aws, { service: 's3', method: 'PUT', path: '/kube/x', body: 'signed', sentBody: 'sentxx' });
  assert.match(put.body, /<Code>XAmzContentSHA256Mismatch<\/Code>/);
  const added = await call(aws, { ...callerIdentity, unsignedHeaders: { 'x-amz-added': 'later' } });
  assert.match(added.body, /'x-amz-added' must be a signed header/);
  const elsewhere = new EC2Client({ ...clientOptions(aws), region: 'eu-west-1' });
  await assert.rejects(elsewhere.send(new DescribeInstancesCommand({})), {
    name: 'AuthFailure',
    message: "Credential should be scoped to a valid region, not 'eu-west-1'.",
  });
  const unsigned = await fetch(aws.url, { headers: { authorization: 'none' } });
  assert.equal(unsigned.status, 403);
  assert.match(await unsigned.text(), /MissingAuthenticationToken/);
});

// A presigned URL that stays valid would be a leak that no test detects.
test('a presigned URL expires after X-Amz-Expires', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  aws.putObject('kube', 'config', 'kind: Config');
  const path = '/kube/config?X-Amz-Date=20260102T030405Z&X-Amz-Expires=60';
  const get = () => call(aws, { service: 's3', method: 'GET', path, signQuery: true });
  clock.pass(60 * second);
  assert.equal((await get()).body, 'kind: Config');
  clock.pass(second);
  const late = await get();
  assert.equal(late.status, 403);
  assert.match(late.body, /<Code>AccessDenied<\/Code><Message>Request has expired/);
});
