import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awsCall } from '../../../app/aws/call.ts';
import { clustersNamedBy } from '../../../app/aws/ec2.ts';
import { Failure } from '../../../app/lib/errors.ts';

const never = new AbortController().signal;

/** An error as the SDK throws it. */
function sdkError(name: string, more: object = {}): Error {
  return Object.assign(new Error(`${name} happened`), { name }, more);
}
const answered = (status: number, fault: 'client' | 'server') => ({
  $fault: fault,
  $metadata: { httpStatusCode: status },
});

async function failureOf(cause: unknown): Promise<Failure> {
  const failure = await awsCall('describe it', 'ec2:DescribeInstances', () => Promise.reject(cause), never).catch(
    (error: unknown) => error,
  );
  assert.ok(failure instanceof Failure);
  return failure;
}

// Giving up on a throttled call leaves an instance stranded; retrying a wrong one keeps it billed.
test('what may pass is told from what will not', async () => {
  const passing = [
    sdkError('ThrottlingException', answered(400, 'client')),
    sdkError('Throttling', answered(400, 'client')),
    sdkError('RequestLimitExceeded', answered(503, 'client')),
    sdkError('SlowDown', answered(503, 'server')),
    sdkError('InternalFailure', answered(500, 'server')),
    sdkError('ExpiredToken', answered(403, 'client')),
    sdkError('TimeoutError'),
    sdkError('CredentialsProviderError'),
    sdkError('Error', { code: 'ENOTFOUND', $metadata: { attempts: 4 } }),
    sdkError('Error', { code: 'ECONNRESET' }),
  ];
  for (const error of passing) assert.equal((await failureOf(error)).transient, true, error.name);
  const lasting = [
    sdkError('ValidationError', answered(400, 'client')),
    sdkError('ResourceNotFoundException', answered(404, 'client')),
    sdkError('NoSuchKey', answered(404, 'client')),
    sdkError('AccessDenied', answered(403, 'client')),
    'a text',
  ];
  for (const error of lasting) assert.equal((await failureOf(error)).transient, false, String(error));
});

// A connection that dies in the middle of an answer would hold the task for a quarter of an hour, or for ever, and a sweep sees it run.
test('an answer that never ends is given up after a minute, and may come the next time', async () => {
  const minute = new AbortController();
  const call = () => new Promise(() => undefined);
  const failure = awsCall('describe it', undefined, call, never, minute.signal).catch((error: unknown) => error);
  minute.abort();
  const error = await failure;
  assert.ok(error instanceof Failure && error.transient);
  assert.match(error.message, /could not describe it: no answer within 60 s/);
});

// "AccessDenied" without the action that was denied is an afternoon with the policy simulator.
test('a denial names the action to allow, in each of the words that AWS has for it', async () => {
  for (const name of ['AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation']) {
    const { advice, message } = await failureOf(sdkError(name, answered(403, 'client')));
    assert.match(advice ?? '', /allow ec2:DescribeInstances/);
    assert.match(message, /^could not describe it: /);
  }
  assert.equal((await failureOf(sdkError('ValidationError', answered(400, 'client')))).advice, undefined);
});

test('an aborted call rejects with the reason, not with what the SDK makes of it', async () => {
  const stop = new AbortController();
  const reason = new Error('SIGTERM');
  const call = awsCall('describe it', 'x', () => Promise.reject(sdkError('AbortError')), stop.signal);
  stop.abort(reason);
  await assert.rejects(call, reason);
});

test('an answer is passed on', async () => {
  assert.equal(await awsCall('describe it', 'x', async () => 7, never), 7);
});

// An event reaches the drainers of several clusters: only that of the instance's own may touch its hook.
test('the clusters of an instance are read from each of the tags that name one', () => {
  assert.deepEqual(clustersNamedBy({ 'kubernetes.io/cluster/prod': 'owned', Name: 'x' }), ['prod']);
  assert.deepEqual(clustersNamedBy({ 'aws:eks:cluster-name': 'prod' }), ['prod']);
  assert.deepEqual(clustersNamedBy({ 'eks:cluster-name': 'prod', 'kubernetes.io/cluster/prod': 'owned' }), ['prod']);
  assert.deepEqual(
    clustersNamedBy({ 'kubernetes.io/cluster/a': 'shared', 'kubernetes.io/cluster/b': 'owned' }).sort(),
    ['a', 'b'],
  );
  assert.deepEqual(clustersNamedBy({ Name: 'prod', 'kubernetes.io/cluster/': 'owned' }), []);
});
