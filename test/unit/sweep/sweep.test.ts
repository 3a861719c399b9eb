import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import {
  countsWith,
  EVERY_CLUSTER,
  retainedInstance,
  sweepFixture,
  waitingInstance,
} from '../../support/sweep-fixture.ts';

// After a lost event, an instance is not drained, its hook times out, and its pods are killed.
test('a task is started for a waiting instance without a task, and not for one with a task', async () => {
  const { facts, run, started, withTask } = sweepFixture();
  facts.instances = [waitingInstance('i-1'), waitingInstance('i-2')];
  withTask.add('i-1');
  assert.deepEqual(await run(), { code: 0, counts: countsWith({ waiting: 2, withTask: 1, started: 1 }) });
  assert.deepEqual(
    started.map(({ task }) => task),
    [{ instanceId: 'i-2', action: { group: 'workers', hook: 'node-drainer' }, generation: 0 }],
  );
});

// A group whose hook belongs to another tool is drained.
test('instances of a group without the hook are ignored', async () => {
  const { facts, run, started } = sweepFixture();
  facts.instances = [waitingInstance('i-1', 'others')];
  assert.deepEqual((await run()).counts, countsWith());
  assert.equal(started.length, 0);
});

// A group that is deleted between two calls stops the sweep for every other instance of the region.
test('when the hooks of a group cannot be described, the other groups are swept and the sweep fails', async () => {
  const { facts, recorder, run, startedIds } = sweepFixture();
  facts.instances = [waitingInstance('i-1', 'deleted'), waitingInstance('i-2')];
  assert.equal((await run()).code, 1);
  assert.deepEqual(startedIds(), ['i-2']);
  assert.match(String(recorder.of('run failed')[0]?.error), /could not check the instances of deleted: /);
});

// Two stacks with the same hook name start tasks for each other's instances, and each has an alarm about those of the other.
test('an instance whose tags name another cluster is skipped, and not counted as waiting', async () => {
  const { facts, run, startedIds } = sweepFixture();
  facts.instances = [waitingInstance('i-1'), waitingInstance('i-2'), waitingInstance('i-3'), retainedInstance('i-4')];
  facts.tags = new Map([
    ['i-1', { 'eks:cluster-name': 'staging' }],
    ['i-2', { 'eks:cluster-name': 'prod' }],
    ['i-4', { 'eks:cluster-name': 'staging' }],
  ]);
  assert.deepEqual((await run()).counts, countsWith({ waiting: 2, otherClusters: 2, started: 2 }));
  assert.deepEqual(startedIds(), ['i-2', 'i-3']);
});

// One drainer for many clusters: the task of such an instance fails at once, and is started again every five minutes.
test('an instance whose tags name no cluster, or two, or a path, is not started, counted, and named in one warning', async () => {
  const { facts, recorder, run, startedIds } = sweepFixture();
  facts.instances = ['i-1', 'i-2', 'i-3', 'i-4', 'i-5'].map((id) => waitingInstance(id));
  facts.tags = new Map([
    ['i-1', { 'eks:cluster-name': 'staging' }],
    ['i-2', { 'eks:cluster-name': 'prod', 'kubernetes.io/cluster/lab': 'shared' }],
    ['i-3', { 'node-drainer/cluster': '../../other' }],
    ['i-4', { 'node-drainer/cluster': 'lab', 'eks:cluster-name': 'prod' }],
  ]);
  assert.deepEqual((await run(EVERY_CLUSTER)).counts, countsWith({ waiting: 5, clustersUnknown: 3, started: 2 }));
  assert.deepEqual(startedIds(), ['i-1', 'i-4']);
  const [warning, ...others] = recorder.of('warning');
  assert.equal(others.length, 0);
  assert.match(
    warning?.message ?? '',
    /^not draining 3 instances of unknown clusters: i-2 of workers \(its tags name 2 clusters: .+\), i-3 of workers \(.+\), i-5 of workers \(its tags name no cluster\); set the tag node-drainer\/cluster/,
  );
  assert.equal(recorder.of('sweep summary')[0]?.cluster, undefined);
});

// An operator stops one drain, and the next sweep starts it again.
test('an instance that an operator holds is not started', async () => {
  const { facts, run, startedIds } = sweepFixture();
  facts.instances = [waitingInstance('i-1'), waitingInstance('i-2'), retainedInstance('i-3')];
  facts.tags = new Map([
    ['i-1', { 'node-drainer/hold': 'incident 42' }],
    ['i-2', { 'node-drainer/hold': 'false' }],
    ['i-3', { 'node-drainer/hold': 'true' }],
  ]);
  const { counts } = await run({ finishRetained: true });
  assert.deepEqual(counts, countsWith({ waiting: 2, retained: 1, held: 2, started: 1 }));
  assert.deepEqual(startedIds(), ['i-2']);
});

// Retained instances are billed until somebody terminates them: https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
test('retained instances are counted, and adopted only with RETAINED=finish', async () => {
  for (const finishRetained of [false, true]) {
    const { facts, run, startedIds } = sweepFixture();
    facts.instances = [
      retainedInstance('i-1'),
      waitingInstance('i-2'),
      { ...retainedInstance('i-3'), state: 'retained in pool' },
      retainedInstance('i-4', 'others'),
    ];
    const ids = finishRetained ? ['i-1', 'i-2'] : ['i-2'];
    const { counts } = await run({ finishRetained });
    assert.deepEqual(counts, countsWith({ waiting: 1, retained: 2, started: ids.length }));
    assert.deepEqual(startedIds(), ids);
  }
});

// While EC2 is down, waiting instances get no task.
test('when EC2 cannot describe the instances, a task is started for each', async () => {
  for (const more of [{}, EVERY_CLUSTER]) {
    const { facts, recorder, run, started } = sweepFixture();
    facts.instances = [waitingInstance('i-1')];
    facts.describeError = new Failure('EC2 is down');
    assert.equal((await run(more)).code, 0);
    assert.equal(started.length, 1);
    assert.equal(recorder.of('warning').length, 1);
  }
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
  const { facts, recorder, run, calls } = sweepFixture();
  facts.instances = [waitingInstance('i-1')];
  assert.deepEqual((await run({ dryRun: true })).counts, countsWith({ waiting: 1 }));
  assert.equal(calls.length, 0);
  assert.deepEqual(
    recorder.of('task would start').map(({ instanceId }) => instanceId),
    ['i-1'],
  );
});

// A stopped sweep goes on, or ends without a word.
test('a stopped sweep ends at once, with a warning', async () => {
  const { clock, facts, run, started, stop } = sweepFixture();
  facts.instances = [waitingInstance('i-1')];
  clock.sleep(1_000, new AbortController().signal).then(() => stop.abort(new Stopped('SIGTERM')));
  assert.deepEqual(await run(), { code: 143, counts: undefined });
  assert.equal(started.length, 0);
});

// An operator pauses the drainer, and its sweeps go on starting drains.
test('a sweep of a paused drainer does nothing, and says so', async () => {
  const { calls, facts, recorder, run } = sweepFixture();
  facts.instances = [waitingInstance('i-1')];
  facts.lookupError = new Failure('nothing is looked up');
  assert.deepEqual(await run({ paused: true }), { code: 0, counts: undefined });
  assert.equal(calls.length, 0);
  assert.match(recorder.of('nothing to do')[0]?.reason ?? '', /paused/);
});
