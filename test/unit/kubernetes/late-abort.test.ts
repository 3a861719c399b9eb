import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deferAbort } from '../../../app/kubernetes/client.ts';

// A stream of HTTP/2 that is reset in the turn in which it was written can loop in native code for ever, SIGTERM or not.
test('a request is not aborted in the turn in which the drain is, but in the next one', async () => {
  const stop = new AbortController();
  const late = deferAbort(stop.signal);
  const reason = new Error('denied');
  stop.abort(reason);
  await Promise.resolve();
  assert.equal(late.aborted, false);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(late.reason, reason);
});

test('what is aborted already is so at once', () => {
  // Otherwise: a request is sent after SIGTERM.
  assert.equal(deferAbort(AbortSignal.abort()).aborted, true);
});
