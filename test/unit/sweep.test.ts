import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../app/lib/errors.ts';
import { Stopped } from '../../app/outcome.ts';
import { clientTokenOf } from '../../app/sweep.ts';
import { sweepFixture, waitingInstance } from '../support/sweep-fixture.ts';

// After a lost event, an instance is not drained, its hook times out, and its pods are killed.
test('a task is started for a waiting instance without a task, and not for one with a task', async () => {
  const { facts, run, started, withTask } = sweepFixture();
  facts.waiting = [waitingInstance('i-1'), waitingInstance('i-2')];
  withTask.add('i-1');
  assert.deepEqual(await run(), {
    code: 0,
    counts: { groups: 7, waiting: 2, withTask: 1, otherClusters: 0, started: 1, refused: 0 },
  });
  assert.deepEqual(
    started.map(({ task }) => task),
    [{ instanceId: 'i-2', action: { group: 'workers', hook: 'node-drainer' }, generation: 0 }],
  );
});

// A group whose hook belongs to another tool is drained.
test('instances of a group without the hook are ignored', async () => {
  const { facts, run, started } = sweepFixture();
  facts.waiting = [waitingInstance('i-1', 'others')];
  assert.deepEqual((await run()).counts, {
    groups: 7,
    waiting: 0,
    withTask: 0,
    otherClusters: 0,
    started: 0,
    refused: 0,
  });
  assert.equal(started.length, 0);
});

// A group that is deleted between two calls stops the sweep for every other instance of the region.
test('when the hooks of a group cannot be described, the other groups are swept and the sweep fails', async () => {
  const { facts, recorder, run, started } = sweepFixture();
  facts.waiting = [waitingInstance('i-1', 'deleted'), waitingInstance('i-2')];
  assert.equal((await run()).code, 1);
  assert.deepEqual(
    started.map(({ task }) => task.instanceId),
    ['i-2'],
  );
  assert.match(String(recorder.of('run failed')[0]?.error), /could not check the instances of deleted: /);
});

// Two stacks with the same hook name start tasks for each other's instances, every five minutes.
test('an instance whose tags name another cluster is skipped', async () => {
  const { facts, run, started } = sweepFixture();
  facts.waiting = [waitingInstance('i-1'), waitingInstance('i-2'), waitingInstance('i-3')];
  facts.clusters = new Map([
    ['i-1', ['staging']],
    ['i-2', ['prod']],
  ]);
  assert.deepEqual((await run()).counts, {
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

// While EC2 is down, waiting instances get no task.
test('when EC2 cannot describe the instances, a task is started for each', async () => {
  const { facts, recorder, run, started } = sweepFixture();
  facts.waiting = [waitingInstance('i-1')];
  facts.describeError = new Failure('EC2 is down');
  assert.equal((await run()).code, 0);
  assert.equal(started.length, 1);
  assert.equal(recorder.of('warning').length, 1);
});

// An instance whose event is on its way gets a second task, which costs money.
test('no task is started for an instance whose event starts one within the grace time', async () => {
  const { clock, facts, run, started, withTask } = sweepFixture();
  facts.waiting = [waitingInstance('i-1')];
  clock.sleep(10_000, new AbortController().signal).then(() => withTask.add('i-1'));
  assert.deepEqual((await run()).counts, {
    groups: 7,
    waiting: 1,
    withTask: 1,
    otherClusters: 0,
    started: 0,
    refused: 0,
  });
  assert.equal(started.length, 0);
});

// A schedule that is delivered twice starts every task twice, or the next sweep starts none.
test('the client token names the instance and the scheduled time', async () => {
  const tokens = async (scheduledAt: number) => {
    const { facts, run, started } = sweepFixture();
    facts.waiting = [waitingInstance('i-0123456789abcdef0')];
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
test('at most ten tasks are started in a second', async () => {
  const { facts, run, started } = sweepFixture();
  facts.waiting = Array.from({ length: 45 }, (_, index) => waitingInstance(`i-${index}`));
  await run();
  assert.equal(started.length, 45);
  for (const { at } of started) {
    assert.ok(started.filter((other) => other.at >= at && other.at < at + 1_000).length <= 10);
  }
});

// RunTask answers 200 without a task, and the log does not show it.
test('a task that RunTask refuses is reported with the reason, and the other tasks are started', async () => {
  const { facts, recorder, run } = sweepFixture();
  facts.waiting = [waitingInstance('i-1'), waitingInstance('i-2')];
  facts.startResult = (instance) =>
    instance === 'i-1' ? { kind: 'refused', reason: 'RESOURCE:ENI' } : { kind: 'started', task: 'task-2' };
  const { code, counts } = await run();
  assert.deepEqual(
    [code, counts],
    [0, { groups: 7, waiting: 2, withTask: 0, otherClusters: 0, started: 1, refused: 1 }],
  );
  assert.deepEqual(
    recorder.of('task refused').map(({ instanceId, reason }) => [instanceId, reason]),
    [['i-1', 'RESOURCE:ENI']],
  );
});

// One throttled RunTask call leaves an instance without a task until the next sweep.
test('a throttled start is retried, and a permanent failure is reported as a refusal', async () => {
  const { facts, recorder, run, started } = sweepFixture();
  facts.waiting = [waitingInstance('i-1'), waitingInstance('i-2')];
  facts.startResult = (instance, attempts) => {
    if (instance === 'i-2') return new Failure('RunTask is denied');
    return attempts < 3 ? new Failure('Rate exceeded', { transient: true }) : { kind: 'started', task: 'task-1' };
  };
  const { code, counts } = await run();
  assert.deepEqual(
    [code, counts],
    [0, { groups: 7, waiting: 2, withTask: 0, otherClusters: 0, started: 1, refused: 1 }],
  );
  assert.equal(started.length, 1);
  assert.match(recorder.of('task refused')[0]?.reason ?? '', /denied/);
});

// A sweep that could not list the groups reports success.
test('a sweep that cannot list the waiting instances fails', async () => {
  const { facts, recorder, run } = sweepFixture();
  facts.lookupError = new Failure('AccessDenied');
  assert.deepEqual(await run(), { code: 1, counts: undefined });
  assert.equal(recorder.of('run failed').length, 1);
});

// One throttled call fails the sweep.
test('a lookup that fails with a transient error is retried', async () => {
  const { clock, facts, run } = sweepFixture();
  facts.lookupError = new Failure('Throttling', { transient: true });
  clock.sleep(5_000, new AbortController().signal).then(() => {
    facts.lookupError = undefined;
  });
  assert.equal((await run()).code, 0);
});

// A dry run starts tasks.
test('a dry run reports the tasks that it would start, and starts none', async () => {
  const { facts, recorder, run, started } = sweepFixture();
  facts.waiting = [waitingInstance('i-1')];
  await run({ dryRun: true });
  assert.equal(started.length, 0);
  assert.deepEqual(
    recorder.of('task would start').map(({ instanceId }) => instanceId),
    ['i-1'],
  );
});

// A stopped sweep goes on, or ends without a word.
test('a stopped sweep ends at once, with a warning', async () => {
  const { clock, facts, run, started, stop } = sweepFixture();
  facts.waiting = [waitingInstance('i-1')];
  clock.sleep(1_000, new AbortController().signal).then(() => stop.abort(new Stopped('SIGTERM')));
  assert.deepEqual(await run(), { code: 143, counts: undefined });
  assert.equal(started.length, 0);
});

// A thousand starts take minutes, the EventBridge rule retries at the same time, and instances get two tasks.
test('no task is started for an instance that got one during the sweep', async () => {
  const { clock, facts, run, started, withTask } = sweepFixture();
  facts.waiting = Array.from({ length: 150 }, (_, index) => waitingInstance(`i-${index}`));
  clock.sleep(25_000, new AbortController().signal).then(() => withTask.add('i-120').add('i-140'));
  assert.deepEqual((await run()).counts, {
    groups: 7,
    waiting: 150,
    withTask: 2,
    otherClusters: 0,
    started: 148,
    refused: 0,
  });
  assert.ok(!started.some(({ task }) => task.instanceId === 'i-120'));
});
