import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../app/lib/errors.ts';
import { Stopped } from '../../app/outcome.ts';
import { attemptOf } from '../../app/sweep.ts';
import { sweeping, waits } from '../support/sweeping.ts';

// An event that is lost leaves an instance that nobody drains, until its hook times out and its pods die with it.
test('an instance that waits without a task gets one; one that has a task gets none', async () => {
  const { drained, facts, run, started } = sweeping();
  facts.waiting = [waits('i-1'), waits('i-2')];
  drained.add('i-1');
  assert.deepEqual(await run(), {
    code: 0,
    found: { groups: 7, waiting: 2, withTask: 1, otherClusters: 0, started: 1, refused: 0 },
  });
  assert.deepEqual(
    started.map(({ task }) => task),
    [{ instanceId: 'i-2', action: { group: 'workers', hook: 'node-drainer' }, generation: 0 }],
  );
});

test('a group without the hook is none of ours', async () => {
  const { facts, run, started } = sweeping();
  facts.waiting = [waits('i-1', 'others')];
  assert.deepEqual((await run()).found, {
    groups: 7,
    waiting: 0,
    withTask: 0,
    otherClusters: 0,
    started: 0,
    refused: 0,
  });
  assert.equal(started.length, 0);
});

// A group that is deleted between two calls would keep every other instance of the region waiting.
test('a group that cannot be looked at keeps no other one waiting, and fails the sweep', async () => {
  const { facts, recorder, run, started } = sweeping();
  facts.waiting = [waits('i-1', 'deleted'), waits('i-2')];
  assert.equal((await run()).code, 1);
  assert.deepEqual(
    started.map(({ task }) => task.instanceId),
    ['i-2'],
  );
  assert.match(String(recorder.of('run failed')[0]?.error), /the hooks of deleted could not be seen/);
});

// Two stacks with the same hook name would start tasks for each other's instances, every five minutes.
test('an instance whose tags name another cluster is left to it', async () => {
  const { facts, run, started } = sweeping();
  facts.waiting = [waits('i-1'), waits('i-2'), waits('i-3')];
  facts.clusters = new Map([
    ['i-1', ['staging']],
    ['i-2', ['prod']],
  ]);
  assert.deepEqual((await run()).found, {
    groups: 7,
    waiting: 3,
    withTask: 0,
    otherClusters: 1,
    started: 2,
    refused: 0,
  });
  assert.deepEqual(
    started.map(({ task }) => task.instanceId),
    ['i-2', 'i-3'],
  );
});

test('without the word of EC2 every instance gets its task', async () => {
  const { facts, recorder, run, started } = sweeping();
  facts.waiting = [waits('i-1')];
  facts.ec2 = new Failure('EC2 is down');
  assert.equal((await run()).code, 0);
  assert.equal(started.length, 1);
  assert.equal(recorder.of('warning').length, 1);
});

// An instance that has just been terminated has no task yet: its event is on its way, and a second task would cost money.
test('an instance is left to its event for a while', async () => {
  const { clock, drained, facts, run, started } = sweeping();
  facts.waiting = [waits('i-1')];
  clock.sleep(10_000, new AbortController().signal).then(() => drained.add('i-1'));
  assert.deepEqual((await run()).found, {
    groups: 7,
    waiting: 1,
    withTask: 1,
    otherClusters: 0,
    started: 0,
    refused: 0,
  });
  assert.equal(started.length, 0);
});

// Scheduler delivers at least once; the second delivery must not start a second set of tasks, and the next sweep must.
test('the client token is that of the instance and of the scheduled time', async () => {
  const tokens = async (scheduledAt: number) => {
    const { facts, run, started } = sweeping();
    facts.waiting = [waits('i-0123456789abcdef0')];
    await run({ scheduledAt });
    return started.map(({ token }) => token);
  };
  const at = Date.parse('2026-03-01T10:05:00Z');
  assert.deepEqual(await tokens(at), ['sweep-i-0123456789abcdef0-20260301100500']);
  assert.deepEqual(await tokens(at), await tokens(at));
  assert.notDeepEqual(await tokens(at + 300_000), await tokens(at));
  assert.ok(`sweep-i-0123456789abcdef0-${attemptOf(at)}`.length <= 64);
});

// A thousand at once would take the calls of the rule's own tasks.
test('no more than ten tasks are started in a second', async () => {
  const { facts, run, started } = sweeping();
  facts.waiting = Array.from({ length: 45 }, (_, index) => waits(`i-${index}`));
  await run();
  assert.equal(started.length, 45);
  for (const { at } of started) {
    assert.ok(started.filter((other) => other.at >= at && other.at < at + 1_000).length <= 10);
  }
});

test('RunTask that answers 200 and places nothing is told, with the reason, and the others go on', async () => {
  const { facts, recorder, run } = sweeping();
  facts.waiting = [waits('i-1'), waits('i-2')];
  facts.place = (instance) =>
    instance === 'i-1' ? { kind: 'refused', reason: 'RESOURCE:ENI' } : { kind: 'started', task: 'task-2' };
  const { code, found } = await run();
  assert.deepEqual(
    [code, found],
    [0, { groups: 7, waiting: 2, withTask: 0, otherClusters: 0, started: 1, refused: 1 }],
  );
  assert.deepEqual(
    recorder.of('task refused').map(({ instanceId, reason }) => [instanceId, reason]),
    [['i-1', 'RESOURCE:ENI']],
  );
});

test('throttling is waited out; what cannot be mended is told as a refusal', async () => {
  const { facts, recorder, run, started } = sweeping();
  facts.waiting = [waits('i-1'), waits('i-2')];
  facts.place = (instance, tries) => {
    if (instance === 'i-2') return new Failure('RunTask is denied');
    return tries < 3 ? new Failure('Rate exceeded', { transient: true }) : { kind: 'started', task: 'task-1' };
  };
  const { code, found } = await run();
  assert.deepEqual(
    [code, found],
    [0, { groups: 7, waiting: 2, withTask: 0, otherClusters: 0, started: 1, refused: 1 }],
  );
  assert.equal(started.length, 1);
  assert.match(recorder.of('task refused')[0]?.reason ?? '', /denied/);
});

// A sweep that saw nothing and says 0 would be believed.
test('a sweep that cannot look fails', async () => {
  const { facts, recorder, run } = sweeping();
  facts.look = new Failure('AccessDenied');
  assert.deepEqual(await run(), { code: 1, found: undefined });
  assert.equal(recorder.of('run failed').length, 1);
});

test('a look that fails in passing is repeated', async () => {
  const { clock, facts, run } = sweeping();
  facts.look = new Failure('Throttling', { transient: true });
  clock.sleep(5_000, new AbortController().signal).then(() => {
    facts.look = undefined;
  });
  assert.equal((await run()).code, 0);
});

test('a dry run says what it would start, and starts nothing', async () => {
  const { facts, recorder, run, started } = sweeping();
  facts.waiting = [waits('i-1')];
  await run({ dryRun: true });
  assert.equal(started.length, 0);
  assert.deepEqual(
    recorder.of('task would start').map(({ instanceId }) => instanceId),
    ['i-1'],
  );
});

test('a sweep that is stopped ends at once, and says so', async () => {
  const { clock, facts, run, started, stop } = sweeping();
  facts.waiting = [waits('i-1')];
  clock.sleep(1_000, new AbortController().signal).then(() => stop.abort(new Stopped('SIGTERM')));
  assert.deepEqual(await run(), { code: 143, found: undefined });
  assert.equal(started.length, 0);
});

// A thousand starts take minutes, in which the rule goes on with its own retries: each instance would be drained twice.
test('what the rule has started meanwhile is not started again', async () => {
  const { clock, drained, facts, run, started } = sweeping();
  facts.waiting = Array.from({ length: 150 }, (_, index) => waits(`i-${index}`));
  clock.sleep(25_000, new AbortController().signal).then(() => drained.add('i-120').add('i-140'));
  assert.deepEqual((await run()).found, {
    groups: 7,
    waiting: 150,
    withTask: 2,
    otherClusters: 0,
    started: 148,
    refused: 0,
  });
  assert.ok(!started.some(({ task }) => task.instanceId === 'i-120'));
});
