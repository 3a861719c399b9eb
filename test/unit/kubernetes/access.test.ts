import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenCredential } from '../../../app/aws/eks.ts';
import type { AwsCredentials } from '../../../app/aws/eks-token.ts';
import { type Credential, renewingCredential } from '../../../app/kubernetes/access.ts';
import { HandClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const minute = 60_000;

/** Makes numbered credentials that are renewed after 10 minutes and expire after 14. */
function maker(clock: HandClock) {
  let made = 0;
  let fault: Error | undefined;
  const authenticate = renewingCredential(async (): Promise<Credential> => {
    await clock.sleep(0, never);
    if (fault !== undefined) throw fault;
    const now = clock.now();
    return { headers: { n: String(++made) }, renewAt: now + 10 * minute, expiresAt: now + 14 * minute };
  }, clock);
  return {
    ask: (fresh = false) => clock.until(authenticate(fresh, never), 1_000),
    authenticate,
    fail: (error: Error | undefined) => {
      fault = error;
    },
  };
}

// Fifty evictions that find their token old at the same time must not ask STS, or run a command, fifty times.
test('many that ask at once share one renewal', async () => {
  const clock = new HandClock();
  const { authenticate } = maker(clock);
  const all = Promise.all(Array.from({ length: 50 }, () => authenticate(false, never)));
  assert.deepEqual(new Set((await clock.until(all, 1_000)).map(({ n }) => n)), new Set(['1']));
  await clock.advance(10 * minute);
  const refused = Promise.all(Array.from({ length: 50 }, () => authenticate(true, never)));
  assert.deepEqual(new Set((await clock.until(refused, 1_000)).map(({ n }) => n)), new Set(['2']));
});

test('a credential serves until it is to be renewed', async () => {
  const clock = new HandClock();
  const { ask } = maker(clock);
  assert.deepEqual(await ask(), { n: '1' });
  await clock.advance(10 * minute - 1);
  assert.deepEqual(await ask(), { n: '1' });
  await clock.advance(1);
  // Nobody waits for the new one while the old one is good.
  assert.deepEqual(await ask(), { n: '1' });
  await clock.advance(1_000);
  assert.deepEqual(await ask(), { n: '2' });
});

// The credentials endpoint is down for a minute: a token with four minutes left must go on serving.
test('the old credential serves while renewing fails, until it has expired', async () => {
  const clock = new HandClock();
  const { ask, fail } = maker(clock);
  await ask();
  const fault = new Error('the credentials endpoint does not answer');
  fail(fault);
  await clock.advance(13 * minute);
  assert.deepEqual(await ask(), { n: '1' });
  await clock.advance(minute);
  await assert.rejects(ask(), fault);
  fail(undefined);
  assert.deepEqual(await ask(), { n: '2' });
});

// Without a first credential there is nothing to serve: the reason must come out.
test('the first credential that cannot be got is an error, and the next try may have it', async () => {
  const clock = new HandClock();
  const { ask, fail } = maker(clock);
  fail(new Error('no role'));
  await assert.rejects(ask(), /no role/);
  fail(undefined);
  assert.deepEqual(await ask(), { n: '1' });
});

// A cluster that refuses us for good would otherwise make us ask for a new token with every request.
test('a refused credential is replaced, but not one that was just made', async () => {
  const clock = new HandClock();
  const { ask } = maker(clock);
  await ask();
  assert.deepEqual(await ask(true), { n: '1' });
  await clock.advance(1_000);
  assert.deepEqual(await ask(true), { n: '2' });
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

function eksAuthentication(clock: HandClock, credentials: () => AwsCredentials) {
  return renewingCredential(async () => tokenCredential('prod', 'eu-central-1', credentials(), clock.now(), 0), clock);
}

// The API server takes a token for 15 minutes; a drain takes hours.
test('over three hours no request is sent with a token older than 14 minutes, and few tokens are made', async () => {
  const clock = new HandClock();
  let made = 0;
  const authenticate = eksAuthentication(clock, () => {
    made++;
    return KEYS;
  });
  for (let second = 0; second < 3 * 3_600; second += 7) {
    const age = clock.now() - signedAt(await authenticate(false, never));
    assert.ok(age >= 0 && age < 14 * minute, `a token of ${age / minute} minutes`);
    await clock.advance(7_000);
  }
  assert.ok(made >= 13 && made <= 19, `${made} tokens`);
});

// The task role's keys rotate every few hours: a token signed with the old ones is refused.
test('credentials that rotate sign the next token', async () => {
  const clock = new HandClock();
  let key = 'AKIDFIRST';
  const authenticate = eksAuthentication(clock, () => ({ ...KEYS, accessKeyId: key }));
  assert.equal(keyOf(await authenticate(false, never)), 'AKIDFIRST');
  key = 'AKIDSECOND';
  await clock.advance(10 * minute);
  await authenticate(false, never);
  await clock.settle();
  assert.equal(keyOf(await authenticate(false, never)), 'AKIDSECOND');
});

// A token that outlives the credentials that signed it is refused by STS, although its own 15 minutes are not over.
test('a token of credentials that expire in five minutes is renewed and not used after that', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  const expiration = new Date(now + 5 * minute);
  const { renewAt, expiresAt } = tokenCredential('prod', 'eu-central-1', { ...KEYS, expiration }, now, 0);
  assert.equal(expiresAt, now + 5 * minute);
  assert.ok(renewAt <= now + 5 * minute);
  const lasting = tokenCredential('prod', 'eu-central-1', KEYS, now, 0);
  assert.deepEqual([lasting.renewAt, lasting.expiresAt], [now + 10 * minute, now + 14 * minute]);
});
