import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { clientTokenOf } from '../../../app/sweep/start-tasks.ts';
import { countsWith, sweepFixture, waitingInstance } from '../../support/sweep-fixture.ts';

const instances = (count: number) => Array.from({ length: count }, (_, index) => waitingInstance(`i-${index}`));
const transient = (message: string) => new Failure(message, { transient: true });
const after = (clock: ReturnType<typeof sweepFixture>['clock'], ms: number, change: () => unknown) =>
  clock.sleep(ms, new AbortController().signal).then(change);

// An instance whose event is on its way gets a second task, which costs money.
test('no task is started for an instance whose event starts one within the grace time', async () => {
  const { calls, clock, facts, run, withTask } = sweepFixture();
  facts.instances = [waitingInstance('i-1')];
  after(clock, 10_000, () => withTask.add('i-1'));
  assert.deepEqual((await run()).counts, countsWith({ waiting: 1, withTask: 1 }));
  assert.equal(calls.length, 0);
});

// A drain that fails at once would be started, and paid, with every sweep: once a minute.
test('an instance whose last task was created less than five minutes ago is not started, even if that task has stopped', async () => {
  const { clock, facts, run, startedIds } = sweepFixture();
  facts.instances = [waitingInstance('i-1'), waitingInstance('i-2')];
  facts.createdAt = new Map([
    ['i-1', clock.now() - 200_000],
    ['i-2', clock.now() - 300_000],
  ]);
  assert.deepEqual((await run()).counts, countsWith({ waiting: 2, recentlyStarted: 1, started: 1 }));
  assert.deepEqual(startedIds(), ['i-2']);
});

// A schedule that is delivered twice starts every task twice, or the next sweep starts none.
test('the client token names the instance and the scheduled time', async () => {
  const tokens = async (scheduledAt: number) => {
    const { facts, run, started } = sweepFixture();
    facts.instances = [waitingInstance('i-0123456789abcdef0')];
    await run({ scheduledAt });
    return started.map(({ token }) => token);
  };
  const at = Date.parse('2026-03-01T10:05:00Z');
  assert.deepEqual(await tokens(at), ['sweep-i-0123456789abcdef0-20260301100500']);
  assert.deepEqual(await tokens(at), await tokens(at));
  assert.notDeepEqual(await tokens(at + 300_000), await tokens(at));
  assert.ok(clientTokenOf('i-0123456789abcdef0', at).length <= 64);
});

// A thousand starts at once exhaust the RunTask quota of the EventBridge rule.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
test('at most ten RunTask calls are made in a second, retries included', async () => {
  const { calls, facts, run } = sweepFixture();
  facts.instances = instances(45);
  facts.startResult = (_, attempts) =>
    attempts < 3 ? { kind: 'refused', reason: 'RESOURCE:ENI' } : { kind: 'started', task: 'task-1' };
  await run();
  assert.equal(calls.length, 3 * 45);
  for (const { at } of calls) {
    assert.ok(calls.filter((other) => other.at >= at && other.at < at + 1_000).length <= 10);
  }
});

// Capacity comes back within minutes; an instance that waits for the next sweep may be terminated before.
test('a refused start is tried again every 30 s, until ECS starts a task', async () => {
  const { calls, clock, facts, run } = sweepFixture();
  facts.instances = [waitingInstance('i-1')];
  facts.startResult = (_, attempts) =>
    attempts < 4 ? { kind: 'refused', reason: 'RESOURCE:ENI' } : { kind: 'started', task: 'task-1' };
  const startedAt = clock.now();
  assert.deepEqual((await run()).counts, countsWith({ waiting: 1, started: 1 }));
  const seconds = calls.map(({ at }) => Math.floor((at - startedAt) / 1_000));
  assert.deepEqual(seconds, [20, 50, 80, 110]);
});

// A sweep that retries for ever is still there when the next ones have started.
test('starts that are refused for more than five minutes are left to the next sweep, and counted as refused', async () => {
  const { clock, facts, run } = sweepFixture();
  facts.instances = instances(3);
  facts.startResult = () => ({ kind: 'refused', reason: 'RESOURCE:ENI' });
  const startedAt = clock.now();
  const { code, counts } = await run();
  assert.deepEqual([code, counts], [0, countsWith({ waiting: 3, refused: 3 })]);
  assert.ok(clock.now() - startedAt <= 20_000 + 300_000 + 1_000);
});

// ECS answers a token that it knows with the original response, which was a refusal.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
test('a retry has another token, and two sweeps that retry within the same half minute have the same one', async () => {
  const tokensOf = async (scheduledAt: number, secondsLater: number) => {
    const { calls, clock, facts, run } = sweepFixture();
    facts.instances = [waitingInstance('i-1')];
    facts.startResult = () => ({ kind: 'refused', reason: 'RESOURCE:ENI' });
    const toHalfMinute = 30_000 - (clock.now() % 30_000);
    await run({ scheduledAt, graceMs: toHalfMinute + secondsLater * 1_000 });
    return calls.map(({ token }) => token);
  };
  const [first, ...retries] = await tokensOf(0, 1);
  const [other, ...otherRetries] = await tokensOf(60_000, 20);
  assert.equal(new Set([first, ...retries]).size, 1 + retries.length);
  assert.ok(retries.length >= 9);
  assert.notEqual(first, other);
  assert.deepEqual(retries, otherRetries);
});

// RunTask timed out, but has started the task; or the event of the instance came late.
test('a retry looks first who has a task by now', async () => {
  const { calls, clock, facts, run, withTask } = sweepFixture();
  facts.instances = [waitingInstance('i-1'), waitingInstance('i-2')];
  facts.startResult = () => new Failure('no answer within 10 s');
  after(clock, 40_000, () => {
    withTask.add('i-1');
    facts.createdAt.set('i-2', clock.now());
  });
  assert.deepEqual((await run()).counts, countsWith({ waiting: 2, withTask: 1, recentlyStarted: 1 }));
  assert.equal(calls.length, 2);
});

// The same fault on a hundred instances is a hundred lines in each round, and the one that matters is not found.
test('the same reason of many instances is told once in a sweep, with the count and the first names', async () => {
  const { facts, recorder, run } = sweepFixture();
  facts.instances = instances(100);
  facts.startResult = (instance) =>
    instance === 'i-7'
      ? { kind: 'refused', reason: 'AGENT', detail: 'no agent' }
      : { kind: 'refused', reason: 'RESOURCE:ENI' };
  await run();
  assert.deepEqual(
    recorder.of('task refused').map(({ reason, count, instanceIds }) => [reason, count, instanceIds.length]),
    [
      ['RESOURCE:ENI', 99, 10],
      ['AGENT', 1, 1],
    ],
  );
});

// A message that names the instance makes a hundred reasons of one.
test('reasons that differ only in the instance are one', async () => {
  const { facts, recorder, run } = sweepFixture();
  facts.instances = instances(4);
  facts.startResult = (instance) => new Failure(`could not start a task for ${instance}: AccessDenied`);
  await run();
  assert.deepEqual(
    recorder.of('task refused').map(({ count }) => count),
    [4],
  );
});

// One throttled RunTask call leaves an instance without a task for 30 s.
test('a throttled call is retried at once', async () => {
  const { calls, facts, run } = sweepFixture();
  facts.instances = [waitingInstance('i-1')];
  facts.startResult = (_, attempts) =>
    attempts < 3 ? transient('Rate exceeded') : { kind: 'started', task: 'task-1' };
  assert.deepEqual((await run()).counts, countsWith({ waiting: 1, started: 1 }));
  assert.equal(new Set(calls.map(({ token }) => token)).size, 1);
});

// With ECS away, a thousand calls of ten seconds each are made in a row, and those at the end of the list never get a task.
test('when call after call fails, the round ends, and the next one tries all of them', async () => {
  const { calls, clock, facts, run } = sweepFixture();
  facts.instances = instances(40);
  let away = true;
  facts.startResult = () => (away ? new Failure('no answer within 10 s') : { kind: 'started', task: 'task-1' });
  after(clock, 45_000, () => {
    assert.equal(calls.length, 5);
    away = false;
  });
  assert.deepEqual((await run()).counts, countsWith({ waiting: 40, started: 40 }));
});

// A thousand starts take minutes, the EventBridge rule retries at the same time, and instances get two tasks.
test('no task is started for an instance that got one during the sweep', async () => {
  const { clock, facts, run, startedIds, withTask } = sweepFixture();
  facts.instances = instances(150);
  after(clock, 24_000, () => withTask.add('i-120').add('i-140'));
  assert.deepEqual((await run()).counts, countsWith({ waiting: 150, withTask: 2, started: 148 }));
  assert.ok(!startedIds().includes('i-120'));
});
