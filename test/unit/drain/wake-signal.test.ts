import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WakeSignal } from '../../../app/drain/scope.ts';
import { ManualClock } from '../../support/clock.ts';

const never = new AbortController().signal;

// A change that comes between two looks of the loop must lead to a third, or the drain sleeps over it.
test('a ring before the loop listens is heard, once', async () => {
  const clock = new ManualClock();
  const bell = new WakeSignal();
  bell.wake();
  bell.wake();
  await bell.wait(clock, undefined, never);
  let heard = false;
  const second = bell.wait(clock, clock.now() + 1_000, never).then(() => {
    heard = true;
  });
  await clock.advance(999);
  assert.equal(heard, false);
  await clock.advance(1);
  await second;
  assert.equal(clock.elapsed, 1_000);
});

test('a ring wakes a loop that listens', async () => {
  const clock = new ManualClock();
  const bell = new WakeSignal();
  const heard = bell.wait(clock, undefined, never);
  bell.wake();
  await heard;
  assert.equal(clock.elapsed, 0);
});

// Each look at the cluster leaves a sleeper behind if a ring does not end it: thousands of them in a long drain.
test('nobody goes on sleeping after a ring', async () => {
  const clock = new ManualClock();
  const bell = new WakeSignal();
  for (let look = 0; look < 10; look++) {
    const heard = bell.wait(clock, clock.now() + 60_000, never);
    bell.wake();
    await heard;
  }
  assert.equal(clock.sleeping, 0);
});

test('a moment that has passed is not waited for', async () => {
  const clock = new ManualClock();
  await clock.until(new WakeSignal().wait(clock, clock.now() - 5, never), 0);
  assert.equal(clock.elapsed, 0);
});

// A thousand pods end at once; looking at the whole node for each of them would be a million looks.
test('what arrives together is seen in one look', async () => {
  const clock = new ManualClock();
  const bell = new WakeSignal();
  const heard = bell.wait(clock, undefined, never);
  let arrived = 0;
  for (let news = 0; news < 100; news++) {
    queueMicrotask(() => {
      arrived++;
      bell.wake();
    });
  }
  await heard;
  assert.equal(arrived, 100);
});

// SIGTERM while the loop sleeps: the task has two seconds.
test('an abort wakes the loop with its reason, before, during and just after a ring', async () => {
  const clock = new ManualClock();
  const reason = new Error('stopped');
  const bell = new WakeSignal();
  await assert.rejects(bell.wait(clock, undefined, AbortSignal.abort(reason)), reason);
  const during = new AbortController();
  const sleeping = bell.wait(clock, undefined, during.signal);
  during.abort(reason);
  await assert.rejects(sleeping, reason);
  const after = new AbortController();
  const rung = bell.wait(clock, undefined, after.signal);
  bell.wake();
  after.abort(reason);
  await assert.rejects(rung, reason);
});
