import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { completeHook } from '../../../app/lifecycle/heartbeat.ts';
import { FakeHook } from '../../support/hooks.ts';
import { testContext } from '../../support/test-context.ts';

const lost = () => Promise.reject(new Failure('connection reset', { transient: true }));

// Whatever ended the drain, an action that is not completed keeps a dead instance billed until it times out.
test('a completion that fails for a while is tried again', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  hook.fault = () => (hook.results.length <= 3 ? lost() : undefined);
  assert.equal(await clock.until(completeHook(hook, 'CONTINUE', context), 30_000), true);
  assert.deepEqual(hook.results, ['CONTINUE', 'CONTINUE', 'CONTINUE', 'CONTINUE']);
  assert.equal(recorder.of('retrying').length, 3);
  assert.deepEqual(recorder.of('hook completed'), [{ type: 'hook completed', hook: 'drainer', result: 'CONTINUE' }]);
});

test('a completion is given up after 30 seconds, and that is an error of its own', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  hook.fault = lost;
  assert.equal(await clock.until(completeHook(hook, 'ABANDON', context), 35_000), false);
  assert.ok(clock.elapsed >= 25_000 && clock.elapsed <= 35_000, `after ${clock.elapsed} ms`);
  assert.equal(recorder.of('hook completion failed').length, 1);
});

test('a completion that hangs is given up after 30 seconds', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  hook.fault = () => new Promise(() => undefined);
  assert.equal(await clock.until(completeHook(hook, 'CONTINUE', context), 30_000), false);
  assert.equal(clock.elapsed, 30_000);
  assert.equal(recorder.of('hook completion failed').length, 1);
});

test('a completion that can never work is not tried again', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  hook.fault = () => Promise.reject(new Failure('access denied'));
  assert.equal(await clock.until(completeHook(hook, 'CONTINUE', context), 0), false);
  assert.equal(hook.results.length, 1);
  assert.equal(recorder.of('hook completion failed').length, 1);
});

test('an action that has ended in the meantime needs no completion', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  hook.end();
  assert.equal(await completeHook(hook, 'CONTINUE', context), true);
  assert.deepEqual([recorder.of('hook completed').length, recorder.of('hook ended').length], [0, 1]);
});
