import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awsCall } from '../../../app/aws/call.ts';
import { Failure } from '../../../app/lib/errors.ts';

const never = new AbortController().signal;

/** An error like those of the SDK. */
function sdkError(name: string, more: object = {}): Error {
  return Object.assign(new Error(`${name} happened`), { name }, more);
}
const response = (status: number, fault: 'client' | 'server') => ({
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

// A throttled call is not retried, and an instance is not drained; or a wrong call is retried, and the instance stays billed.
test('throttling, timeouts and network errors are transient; errors of the request are not', async () => {
  const transient = [
    sdkError('ThrottlingException', response(400, 'client')),
    sdkError('Throttling', response(400, 'client')),
    sdkError('RequestLimitExceeded', response(503, 'client')),
    sdkError('SlowDown', response(503, 'server')),
    sdkError('InternalFailure', response(500, 'server')),
    sdkError('ExpiredToken', response(403, 'client')),
    sdkError('TimeoutError'),
    sdkError('CredentialsProviderError'),
    sdkError('Error', { code: 'ENOTFOUND', $metadata: { attempts: 4 } }),
    sdkError('Error', { code: 'ECONNRESET' }),
  ];
  for (const error of transient) assert.equal((await failureOf(error)).transient, true, error.name);
  const permanent = [
    sdkError('ValidationError', response(400, 'client')),
    sdkError('ResourceNotFoundException', response(404, 'client')),
    sdkError('NoSuchKey', response(404, 'client')),
    sdkError('AccessDenied', response(403, 'client')),
    'a text',
  ];
  for (const error of permanent) assert.equal((await failureOf(error)).transient, false, String(error));
});

// A connection that dies in the middle of a response blocks the task for a quarter of an hour, while a sweep sees it running.
test('a call without an answer is aborted after a minute, with a transient failure', async () => {
  const timeout = new AbortController();
  const call = () => new Promise(() => undefined);
  const failure = awsCall('describe it', undefined, call, never, timeout.signal).catch((error: unknown) => error);
  timeout.abort();
  const error = await failure;
  assert.ok(error instanceof Failure && error.transient);
  assert.match(error.message, /could not describe it: no answer within 60 s/);
});

// "AccessDenied" without the action, which takes an afternoon with the IAM policy simulator.
test('a denial names the IAM action to allow, for each error name that AWS uses', async () => {
  for (const name of ['AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation']) {
    const { advice, message } = await failureOf(sdkError(name, response(403, 'client')));
    assert.match(advice ?? '', /allow ec2:DescribeInstances/);
    assert.match(message, /^could not describe it: /);
  }
  assert.equal((await failureOf(sdkError('ValidationError', response(400, 'client')))).advice, undefined);
});

// A stopped drain ends as a failed one, because the SDK wraps the reason in an error of its own.
test('an aborted call rejects with the reason of the signal', async () => {
  const stop = new AbortController();
  const reason = new Error('SIGTERM');
  const call = awsCall('describe it', 'x', () => Promise.reject(sdkError('AbortError')), stop.signal);
  stop.abort(reason);
  await assert.rejects(call, reason);
});

// A successful call is reported as a failure.
test('a call returns the result', async () => {
  assert.equal(await awsCall('describe it', 'x', async () => 7, never), 7);
});
