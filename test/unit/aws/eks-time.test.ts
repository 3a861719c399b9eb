import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eksEndpoint, tokenCredential } from '../../../app/aws/eks.ts';
import { accessWithCredential } from '../../../app/kubernetes/access.ts';
import { ManualClock } from '../../support/clock.ts';
import { simulatedAws } from '../../support/simulated-aws.ts';

const never = new AbortController().signal;
const MINUTE = 60_000;

// STS rejects signatures with a wrong time, and the cluster answers only "Unauthorized".
test('a clock that is ten minutes fast or slow still signs tokens that the cluster accepts', async (t) => {
  for (const skewMs of [-10 * MINUTE, 0, 10 * MINUTE]) {
    const wall = Date.now();
    const clock = new ManualClock(new Date(wall).toISOString());
    const now = () => Date.now() + skewMs + clock.elapsed;
    const aws = await simulatedAws(t, { region: 'eu-west-1', now });
    aws.createCluster({ name: 'prod', endpoint: 'https://prod.example.com', certificateAuthority: 'ca' });
    const access = accessWithCredential(await eksEndpoint('prod', { name: 'eu-west-1' }, clock, never), clock);
    for (const _ of ['at once', 'an hour later']) {
      const { Authorization = '' } = await access.authenticate(false, never);
      const judged = aws.verifyToken(Authorization.replace('Bearer ', ''), 'prod');
      assert.ok('arn' in judged, `clock ${skewMs / MINUTE} minutes ahead: ${JSON.stringify(judged)}`);
      await clock.advance(60 * MINUTE);
    }
  }
});

// A token outlives the credentials that signed it and is rejected, or is renewed in a loop.
test('the expiration of credentials is converted to the local clock', () => {
  const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  const now = Date.parse('2026-01-02T03:04:05Z');
  const credential = (clockSkewMs: number) =>
    tokenCredential('prod', 'eu-west-1', { ...keys, expiration: new Date(now + 12 * MINUTE) }, now, clockSkewMs);
  assert.equal(credential(10 * MINUTE).expiresAt, now + 2 * MINUTE);
  assert.equal(credential(0).expiresAt, now + 12 * MINUTE);
  assert.equal(credential(-10 * MINUTE).expiresAt, now + 14 * MINUTE);
});
