import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retry } from '../../app/context.ts';
import { API_BACKOFF, backoffMs } from '../../app/lib/backoff.ts';
import { TimedOut, withTimeout } from '../../app/lib/clock.ts';
import { adviceOf, Denied, explain, Failure } from '../../app/lib/errors.ts';
import { Stopwatch } from '../../app/lib/stopwatch.ts';
import { ManualClock } from '../support/clock.ts';
import { Seeded } from '../support/seeded.ts';
import { testContext } from '../support/test-context.ts';

const never = new AbortController().signal;
const REACH = { what: 'reach the cluster', withinMs: 120_000 };
const passing = () => new Failure('connection refused', { transient: true });

// A pause that doubles without a cap is an hour after the fifteenth failure: longer than any outage.
test('the pause doubles from the first to the cap, and stays there', () => {
  const full = Array.from({ length: 10 }, (_, index) => backoffMs({ firstMs: 250, maxMs: 15_000 }, index + 1, 0));
  assert.deepEqual(full, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000]);
  assert.equal(backoffMs(API_BACKOFF, 1_000_000, 0), 15_000);
});

// A thousand drainers that failed together come back together, and fail together.
test('the pause is shortened at random, by half at the most', () => {
  const random = new Seeded(7);
  const pauses = Array.from({ length: 200 }, () => backoffMs({ firstMs: 1_000, maxMs: 1_000 }, 1, random.next()));
  assert.ok(pauses.every((ms) => ms > 500 && ms <= 1_000));
  assert.ok(Math.min(...pauses) < 550 && Math.max(...pauses) > 950);
  assert.ok(new Set(Array.from({ length: 20 }, () => backoffMs(API_BACKOFF, 5))).size > 1);
});

test('what may pass is tried again until it works', async () => {
  const { clock, recorder, context } = testContext();
  const work = async () => {
    if (clock.elapsed < 60_000) throw passing();
    return 'reached';
  };
  assert.equal(await clock.until(retry(REACH, work, context), 120_000), 'reached');
  const retries = recorder.of('retrying');
  assert.ok(retries.length >= 12 && retries.length <= 40, `${retries.length} tries`);
  assert.ok(retries.every(({ retryInMs }) => retryInMs <= 5_000));
});

// A cluster that is never reached must end as a failure while the hook can still be told, not as a hang.
test('when the time is up it fails, and says what, why and what to do', async () => {
  const { clock, context } = testContext();
  const trying = retry(REACH, () => Promise.reject(passing()), context);
  await assert.rejects(clock.until(trying, 121_000), (error) => {
    assert.equal(explain(error), 'could not reach the cluster within 120 s: connection refused');
    assert.match(adviceOf(error) ?? '', /security groups/);
    return error instanceof Failure && !error.transient;
  });
  assert.equal(clock.elapsed, 120_000);
});

test('what cannot pass is not tried again', async () => {
  const { clock, context } = testContext();
  for (const error of [new Denied('forbidden'), new Failure('no such cluster'), new TypeError('a bug')]) {
    let tries = 0;
    const work = () => {
      tries++;
      return Promise.reject(error);
    };
    await assert.rejects(clock.until(retry({ what: 'x', withinMs: 120_000 }, work, context), 0), error);
    assert.equal(tries, 1);
  }
});

test('an abort ends the trying with its reason, in a try and between two', async () => {
  const reason = new Error('SIGTERM');
  const { clock, context } = testContext();
  for (const work of [() => Promise.reject(passing()), () => clock.sleep(60_000, never).then(() => assert.fail())]) {
    const stop = new AbortController();
    const heeding = () =>
      Promise.race([work(), new Promise((_, reject) => stop.signal.addEventListener('abort', reject))]);
    const trying = retry({ what: 'x', withinMs: Number.POSITIVE_INFINITY }, heeding, {
      ...context,
      signal: stop.signal,
    });
    trying.catch(() => undefined);
    await clock.advance(100);
    stop.abort(reason);
    await assert.rejects(trying, reason);
  }
});

// An SDK that waits for credentials heeds no signal: its caller must not wait with it.
test('work that takes longer than its time is given up, whether it heeds its signal or not', async () => {
  const clock = new ManualClock();
  let told: unknown;
  const watchesStalled = withTimeout(clock, 9_000, (signal) => {
    signal.addEventListener('abort', () => {
      told = signal.reason;
    });
    return new Promise(() => undefined);
  });
  await assert.rejects(clock.until(watchesStalled, 9_000), TimedOut);
  assert.ok(told instanceof TimedOut);
  assert.equal(await withTimeout(clock, 9_000, async () => 'in time'), 'in time');
  assert.equal(clock.sleeping, 0);
  await assert.rejects(
    withTimeout(clock, 9_000, () => new Promise(() => undefined), AbortSignal.abort(new Error('SIGTERM'))),
    /SIGTERM/,
  );
});

// "fetch failed" is not why; "connect ECONNREFUSED 10.0.0.1:443" is.
test('an error is told with its causes, each once, outermost first', () => {
  const cause = new Error('connect ECONNREFUSED 10.0.0.1:443');
  assert.equal(
    explain(new Failure('could not reach it', { cause: new Error('fetch failed', { cause }) })),
    `could not reach it: fetch failed: ${cause.message}`,
  );
  assert.equal(explain(new Failure(`no answer (${cause.message})`, { cause })), `no answer (${cause.message})`);
  const both = new AggregateError([new Error('::1 refused'), new Error('127.0.0.1 refused')], '');
  assert.equal(explain(new Error('connect failed', { cause: both })), 'connect failed: ::1 refused, 127.0.0.1 refused');
  assert.equal(explain('a text'), 'a text');
  assert.equal(explain(new TypeError('')), 'TypeError');
});

test('causes that go round in a circle are told too', () => {
  const first = new Error('first');
  first.cause = new Error('second', { cause: first });
  assert.equal(explain(first), 'first: second');
  assert.equal(adviceOf(first), undefined);
});

test('the advice is that of the outermost failure that has one', () => {
  const inner = new Failure('inner', { advice: 'mend the role' });
  assert.equal(adviceOf(new Failure('outer', { cause: inner })), 'mend the role');
  assert.equal(adviceOf(new Failure('outer', { advice: 'call them', cause: inner })), 'call them');
  assert.equal(adviceOf(new Error('plain')), undefined);
});

test('a stopwatch adds up each phase, also those that fail, and the total', async () => {
  const clock = new ManualClock();
  const stopwatch = new Stopwatch(clock);
  const taking = (ms: number) => () => clock.sleep(ms, never);
  await clock.until(stopwatch.time('connect', taking(1_500)), 2_000);
  await clock.until(stopwatch.time('drain', taking(2_000)), 2_000);
  const failing = stopwatch.time('connect', async () => {
    await clock.sleep(250, never);
    throw new Error('lost');
  });
  await assert.rejects(clock.until(failing, 1_000), /lost/);
  await clock.advance(1_000);
  assert.deepEqual(stopwatch.seconds(), { connect: 1.75, drain: 2, total: 4.75 });
});
