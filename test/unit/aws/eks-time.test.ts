import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eksEndpoint, tokenCredential } from '../../../app/aws/eks.ts';
import { accessWithCredential } from '../../../app/kubernetes/access.ts';
import { awsOfProcess } from '../../support/aws-of-process.ts';
import { HandClock } from '../../support/clock.ts';

const never = new AbortController().signal;
const MINUTE = 60_000;

// STS refuses signatures of another time, and to the cluster that is "Unauthorized", and nothing else.
test('a clock that is ten minutes off, either way, gets tokens that the cluster accepts', async (t) => {
  for (const offMs of [-10 * MINUTE, 0, 10 * MINUTE]) {
    const wall = Date.now();
    const clock = new HandClock(new Date(wall).toISOString());
    const now = () => Date.now() + offMs + clock.elapsed;
    const aws = await awsOfProcess(t, { region: 'eu-west-1', now });
    aws.createCluster({ name: 'prod', endpoint: 'https://prod.example.com', certificateAuthority: 'ca' });
    const access = accessWithCredential(await eksEndpoint('prod', 'eu-west-1', clock, never), clock);
    for (const _ of ['at once', 'an hour later']) {
      const { Authorization = '' } = await access.authenticate(false, never);
      const judged = aws.verifyToken(Authorization.replace('Bearer ', ''), 'prod');
      assert.ok('arn' in judged, `${offMs / MINUTE} minutes off: ${JSON.stringify(judged)}`);
      await clock.advance(60 * MINUTE);
    }
  }
});

// Credentials expire by the clock of AWS: a token that outlives them is refused, and one that is given up early is asked for in a loop.
test('the end of credentials is told by our own clock', () => {
  const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  const now = Date.parse('2026-01-02T03:04:05Z');
  const credential = (aheadMs: number) =>
    tokenCredential('prod', 'eu-west-1', { ...keys, expiration: new Date(now + 12 * MINUTE) }, now, aheadMs);
  assert.equal(credential(10 * MINUTE).expiresAt, now + 2 * MINUTE);
  assert.equal(credential(0).expiresAt, now + 12 * MINUTE);
  assert.equal(credential(-10 * MINUTE).expiresAt, now + 14 * MINUTE);
});
