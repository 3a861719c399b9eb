import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenCredential } from '../../../app/aws/eks.ts';
import type { AwsCredentials } from '../../../app/aws/eks-token.ts';
import { type Credential, renewingCredential } from '../../../app/kubernetes/access.ts';
import { ManualClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const minute = 60_000;

/** Authentication with numbered credentials, each due for renewal after 10 minutes and expired after 14. */
function numberedCredentials(clock: ManualClock) {
  let issued = 0;
  let failure: Error | undefined;
  const authenticate = renewingCredential(async (): Promise<Credential> => {
    await clock.sleep(0, never);
    if (failure !== undefined) throw failure;
    const now = clock.now();
    return { headers: { n: String(++issued) }, renewAt: now + 10 * minute, expiresAt: now + 14 * minute };
  }, clock);
  return {
    request: (refused = false) => clock.until(authenticate(refused, never), 1_000),
    authenticate,
    fail: (error: Error | undefined) => {
      failure = error;
    },
  };
}

// Fifty evictions with an expired token would call STS, or run a command, fifty times.
test('concurrent requests share one renewal', async () => {
  const clock = new ManualClock();
  const { authenticate } = numberedCredentials(clock);
  const all = Promise.all(Array.from({ length: 50 }, () => authenticate(false, never)));
  assert.deepEqual(new Set((await clock.until(all, 1_000)).map(({ n }) => n)), new Set(['1']));
  await clock.advance(10 * minute);
  const refused = Promise.all(Array.from({ length: 50 }, () => authenticate(true, never)));
  assert.deepEqual(new Set((await clock.until(refused, 1_000)).map(({ n }) => n)), new Set(['2']));
});

// A request that waits for a renewal before the old credential expires delays an eviction for nothing.
test('a credential is used until its renewal is due, and requests do not wait for the renewal', async () => {
  const clock = new ManualClock();
  const { request } = numberedCredentials(clock);
  assert.deepEqual(await request(), { n: '1' });
  await clock.advance(10 * minute - 1);
  assert.deepEqual(await request(), { n: '1' });
  await clock.advance(1);
  // The old one is still valid: this request starts the renewal and does not wait for it.
  assert.deepEqual(await request(), { n: '1' });
  await clock.advance(1_000);
  assert.deepEqual(await request(), { n: '2' });
});

// The credentials endpoint is down for a minute: a token with four minutes left must stay in use.
test('the old credential is used while its renewal fails, until it expires', async () => {
  const clock = new ManualClock();
  const { request, fail } = numberedCredentials(clock);
  await request();
  const failure = new Error('the credentials endpoint does not respond');
  fail(failure);
  await clock.advance(13 * minute);
  assert.deepEqual(await request(), { n: '1' });
  await clock.advance(minute);
  await assert.rejects(request(), failure);
  fail(undefined);
  assert.deepEqual(await request(), { n: '2' });
});

// Without a first credential there is nothing to send: the error must be thrown, and must not be cached.
test('a request without a credential rejects, and the next one tries again', async () => {
  const clock = new ManualClock();
  const { request, fail } = numberedCredentials(clock);
  fail(new Error('no role'));
  await assert.rejects(request(), /no role/);
  fail(undefined);
  assert.deepEqual(await request(), { n: '1' });
});

// A cluster that refuses every credential would cause a new token for every request.
test('a refused credential is replaced, unless it was issued just now', async () => {
  const clock = new ManualClock();
  const { request } = numberedCredentials(clock);
  await request();
  assert.deepEqual(await request(true), { n: '1' });
  await clock.advance(1_000);
  assert.deepEqual(await request(true), { n: '2' });
});

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

/** When the token of these headers was signed, in milliseconds. */
function signedAt(headers: Readonly<Record<string, string>>): number {
  const text = Buffer.from((headers['Authorization'] ?? '').replace('Bearer k8s-aws-v1.', ''), 'base64url').toString();
  const date = new URL(text).searchParams.get('X-Amz-Date') ?? '';
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function keyOf(headers: Readonly<Record<string, string>>): string {
  const text = Buffer.from((headers['Authorization'] ?? '').replace('Bearer k8s-aws-v1.', ''), 'base64url').toString();
  return (new URL(text).searchParams.get('X-Amz-Credential') ?? '').split('/')[0] ?? '';
}

function eksAuthentication(clock: ManualClock, credentials: () => AwsCredentials) {
  return renewingCredential(async () => tokenCredential('prod', 'eu-central-1', credentials(), clock.now(), 0), clock);
}

// The API server accepts a token for 15 minutes; a drain takes hours.
test('over three hours no request carries a token older than 14 minutes, and few tokens are issued', async () => {
  const clock = new ManualClock();
  let issued = 0;
  const authenticate = eksAuthentication(clock, () => {
    issued++;
    return KEYS;
  });
  for (let second = 0; second < 3 * 3_600; second += 7) {
    const age = clock.now() - signedAt(await authenticate(false, never));
    assert.ok(age >= 0 && age < 14 * minute, `a token of ${age / minute} minutes`);
    await clock.advance(7_000);
  }
  assert.ok(issued >= 13 && issued <= 19, `${issued} tokens`);
});

// The keys of the task role rotate every few hours: a token signed with the old keys is refused.
test('the next token is signed with the rotated credentials', async () => {
  const clock = new ManualClock();
  let key = 'AKIDFIRST';
  const authenticate = eksAuthentication(clock, () => ({ ...KEYS, accessKeyId: key }));
  assert.equal(keyOf(await authenticate(false, never)), 'AKIDFIRST');
  key = 'AKIDSECOND';
  await clock.advance(10 * minute);
  await authenticate(false, never);
  await clock.settle();
  assert.equal(keyOf(await authenticate(false, never)), 'AKIDSECOND');
});

// STS refuses a token whose signing credentials have expired, even within the 15 minutes of the token.
test('a token signed with credentials that expire in five minutes expires with them', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  const expiration = new Date(now + 5 * minute);
  const { renewAt, expiresAt } = tokenCredential('prod', 'eu-central-1', { ...KEYS, expiration }, now, 0);
  assert.equal(expiresAt, now + 5 * minute);
  assert.ok(renewAt <= now + 5 * minute);
  const longLived = tokenCredential('prod', 'eu-central-1', KEYS, now, 0);
  assert.deepEqual([longLived.renewAt, longLived.expiresAt], [now + 10 * minute, now + 14 * minute]);
});
