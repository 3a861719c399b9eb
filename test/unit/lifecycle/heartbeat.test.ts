import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { ActionEnded, heartbeatIntervalMs, NoPendingAction, withHeartbeats } from '../../../app/lifecycle/heartbeat.ts';
import type { ManualClock } from '../../support/clock.ts';
import { FakeHook } from '../../support/hooks.ts';
import { Seeded } from '../../support/seeded.ts';
import { testContext } from '../../support/test-context.ts';

type Scope = { readonly signal: AbortSignal; confirmed(): Promise<void> };

/** Work that waits for the first heartbeats, takes its time on the clock, and ends when it is aborted. */
const working =
  (clock: ManualClock, ms: number) =>
  async ({ signal, confirmed }: Scope) => {
    await confirmed();
    await clock.sleep(ms, signal);
    return 'done' as const;
  };

const lost = () => Promise.reject(new Failure('connection reset', { transient: true }));

// The action may be seconds from its timeout when the node is found: a first beat after a third of it comes too late.
test('the first beat comes before the work, and the others while it lasts', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  let beatsAtStart = 0;
  const run = withHeartbeats([hook], context, async (scope) => {
    await scope.confirmed();
    beatsAtStart = hook.beats.length;
    return working(clock, 3_600_000)(scope);
  });
  assert.equal(await clock.until(run, 4_000_000), 'done');
  assert.equal(beatsAtStart, 1);
  const gaps = hook.beats.slice(1).map((at, index) => at - (hook.beats[index] ?? 0));
  assert.ok(gaps.length >= 36);
  for (const gap of gaps) assert.ok(gap >= 90_000 && gap <= 100_000, `${gap} ms between beats`);
  assert.equal(recorder.of('heartbeat').length, hook.beats.length);
});

test('nobody beats after the work, however it ended', async () => {
  for (const fails of [false, true]) {
    const { clock, context } = testContext();
    const hook = new FakeHook(clock);
    const work = async () => {
      if (fails) throw new Error('broken');
    };
    await withHeartbeats([hook], context, work).catch(() => undefined);
    await clock.advance(3_600_000);
    assert.equal(hook.beats.length, 1);
    assert.equal(clock.sleeping, 0);
  }
});

// Two lost beats in a row must not end the action; beating faster than every 10 s is of no use to anybody.
test('the interval is a third of the timeout, at least 10 s, and jittered downwards by a tenth', () => {
  assert.equal(heartbeatIntervalMs({ heartbeatTimeoutSeconds: 300 }, 0), 100_000);
  assert.equal(heartbeatIntervalMs({ heartbeatTimeoutSeconds: 30 }, 0.5), 10_000);
  const random = new Seeded(1);
  for (let seconds = 30; seconds <= 7_200; seconds += 10) {
    const ms = heartbeatIntervalMs({ heartbeatTimeoutSeconds: seconds }, random.next());
    assert.ok(ms >= 10_000 && ms <= Math.max(10_000, (seconds * 1_000) / 3), `${ms} ms of ${seconds} s`);
    assert.ok(ms >= seconds * 300, `${ms} ms of ${seconds} s`);
  }
  const some = new Set(Array.from({ length: 20 }, () => heartbeatIntervalMs({ heartbeatTimeoutSeconds: 3_600 })));
  assert.ok(some.size > 1, 'drainers of one scale-in would beat in step');
});

// Ten minutes without Auto Scaling's endpoint are no reason to stop draining: the hook may live for hours.
test('beats that fail do not end the work, are sent again sooner, and are reported', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  hook.fault = () => (clock.elapsed >= 50_000 && clock.elapsed < 200_000 ? lost() : undefined);
  const run = withHeartbeats([hook], context, working(clock, 600_000));
  assert.equal(await clock.until(run, 700_000), 'done');
  const failed = recorder.of('heartbeat failed').map(({ failures }) => failures);
  assert.ok(failed.length >= 9, `${failed.length} tries in more than 100 s`);
  assert.deepEqual(
    failed,
    failed.map((_, index) => index + 1),
  );
  assert.ok(recorder.of('heartbeat').length >= 4, 'it beats again when it can');
});

test('a first beat that fails does not hold up the work', async () => {
  const { clock, context } = testContext();
  const hook = new FakeHook(clock);
  hook.fault = lost;
  assert.equal(await clock.until(withHeartbeats([hook], context, working(clock, 60_000)), 70_000), 'done');
  assert.ok(hook.beats.length >= 6);
});

test('a beat that hangs does not hold up the work, nor the beats of another hook', async () => {
  const { clock, context } = testContext();
  const [hangs, beats] = [new FakeHook(clock, 'hangs'), new FakeHook(clock, 'beats')];
  hangs.fault = () => (hangs.beats.length > 1 ? new Promise(() => undefined) : undefined);
  assert.equal(await clock.until(withHeartbeats([hangs, beats], context, working(clock, 600_000)), 700_000), 'done');
  assert.ok(hangs.beats.length >= 10, 'a beat that got no answer is sent again');
  assert.ok(beats.beats.length >= 6);
});

test('a first beat that hangs, whatever its signal says, holds up the work for nine seconds and no longer', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  hook.fault = () => new Promise(() => undefined);
  assert.equal(await clock.until(withHeartbeats([hook], context, working(clock, 1_000)), 10_000), 'done');
  assert.equal(clock.elapsed, 10_000);
  assert.equal(recorder.of('heartbeat failed').length, 1);
});

// Draining on after the action has ended only disturbs: the instance is being terminated already.
test('when the action ends, the work is aborted at once, with that reason', async () => {
  const { clock, recorder, context } = testContext();
  const hook = new FakeHook(clock);
  const run = withHeartbeats([hook], context, working(clock, 3_600_000));
  run.catch(() => undefined);
  await clock.advance(250_000);
  hook.end();
  await assert.rejects(clock.until(run, 101_000), ActionEnded);
  assert.equal(recorder.of('hook ended').length, 1);
  assert.equal(clock.sleeping, 0);
});

test('when one of two actions ends, the work and the other one go on', async () => {
  const { clock, context } = testContext();
  const [first, second] = [new FakeHook(clock, 'first'), new FakeHook(clock, 'second')];
  const run = withHeartbeats([first, second], context, working(clock, 1_000_000));
  await clock.advance(150_000);
  first.end();
  assert.equal(await clock.until(run, 1_000_000), 'done');
  assert.ok(first.beats.length <= 3);
  assert.ok(second.beats.length >= 10);
});

// A duplicate event: the first drainer has completed the action, and the second must not touch the node.
test('when nothing is pending at the first beat, the work is not begun', async () => {
  const { clock, context } = testContext();
  const hook = new FakeHook(clock);
  hook.end();
  const work = async ({ confirmed }: Scope) => {
    await confirmed();
    assert.fail('begun');
  };
  await assert.rejects(withHeartbeats([hook], context, work), NoPendingAction);
});

test('without hooks the work is done all the same', async () => {
  const { clock, context } = testContext();
  assert.equal(await clock.until(withHeartbeats([], context, working(clock, 5_000)), 5_000), 'done');
});

test('an abort ends the work with its reason, also during the first beat', async () => {
  for (const hangs of [false, true]) {
    const { clock, stop, context } = testContext();
    const hook = new FakeHook(clock);
    const reason = new Error('SIGTERM');
    if (hangs) {
      hook.fault = () =>
        new Promise((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason)));
    }
    const run = withHeartbeats([hook], context, working(clock, 60_000));
    run.catch(() => undefined);
    await clock.advance(1_000);
    stop.abort(reason);
    await assert.rejects(run, reason);
  }
});

// The cordon is sent while the first heartbeat is in flight: when that finds no action, the cordon must not go on.
test('work that started before the first heartbeat was answered is aborted when nothing is pending', async () => {
  const { clock, context } = testContext();
  const hook = new FakeHook(clock);
  hook.end();
  const run = withHeartbeats([hook], context, ({ signal }) => clock.sleep(60_000, signal));
  await assert.rejects(run, NoPendingAction);
  assert.equal(clock.elapsed, 0);
});

// A TypeError that counts as one more lost heartbeat is repeated until the hook times out, and nobody sees its stack.
test('a bug in a heartbeat ends the work at once', async () => {
  const { clock, context } = testContext();
  const hook = new FakeHook(clock);
  hook.fault = () => Promise.reject(new TypeError('x is not a function'));
  await assert.rejects(withHeartbeats([hook], context, working(clock, 60_000)), TypeError);
  assert.deepEqual([clock.elapsed, hook.beats.length], [0, 1]);
});
