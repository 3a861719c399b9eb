import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { pod } from '../../support/objects.ts';
import { runFixture } from '../../support/run-fixture.ts';

const STARTED = 'DrainInProgress=True NodeDrainerStarted, Drained=False NodeDrainerStarted';
const over = (reason: string, drained = 'False') => `DrainInProgress=False ${reason}, Drained=${drained} ${reason}`;
const never = new AbortController().signal;

// A controller that reads the conditions would take a drained node for one that is still drained, or never hear of the drain.
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5683-lifecycle-conditions
test('a drain is shown from its cordon on, and at its end as completed', async () => {
  const { cluster, recorder, run, written } = runFixture();
  cluster.add(pod('web'));
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(written, [STARTED, over('NodeDrainerCompleted', 'True')]);
  assert.deepEqual(recorder.of('warning'), []);
});

// A write that hangs, or is refused, would cost pods their time before the instance ends.
test('no eviction and no completion waits for a condition', async () => {
  const [usual, hanging] = [runFixture(), runFixture()];
  const { clock, connected, recorder } = hanging;
  connected.setDrainConditions = () => clock.sleep(600_000, never).then(() => 'set' as const);
  const times = [];
  for (const one of [usual, hanging]) {
    one.cluster.add(pod('web'));
    assert.equal(await one.run(), 'drained, hook CONTINUE, exit 0');
    times.push([one.cluster.evictions, one.recorder.timesOf('hook completed', one.clock.startedAt)]);
  }
  assert.deepEqual(times[1], times[0]);
  assert.equal(recorder.of('warning').length, 1);
  assert.equal(recorder.recorded.at(-1)?.event.type, 'summary');
});

// With the rights of an older rbac.yaml every drain would fail, or warn twice.
test('a missing right is one warning, and the second write is not tried', async () => {
  const { cluster, facts, recorder, run, written } = runFixture();
  cluster.add(pod('web'));
  let tries = 0;
  facts.setDrainConditions = () => {
    tries++;
    return new Denied('nodes "node-a" is forbidden');
  };
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual([tries, written], [1, []]);
  const [warning, ...others] = recorder.of('warning');
  assert.match(warning?.message ?? '', /^node node-a: could not set its conditions/);
  assert.deepEqual(others, []);
});

// The API server restarts during the first write: the node would never be shown as drained.
test('a first write that failed does not keep the last one from being made', async () => {
  const { cluster, facts, recorder, run, written } = runFixture();
  cluster.add(pod('web'));
  facts.setDrainConditions = () =>
    written.length === 0 && !recorder.of('pod gone').length ? new Failure('reset') : undefined;
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(written, [over('NodeDrainerCompleted', 'True')]);
  assert.equal(recorder.of('warning').length, 1);
});

// A node that shows a drain in progress for good keeps autoscalers and people waiting for nobody.
test('a drain that ends otherwise says how', async () => {
  const failed = runFixture();
  failed.cluster.add(pod('web'));
  failed.cluster.fault = (call) => (call.startsWith('evict') ? new Denied('forbidden') : undefined);
  assert.equal(await failed.run(), 'failed, hook untouched, exit 1');
  assert.deepEqual(failed.written, [STARTED, over('NodeDrainerFailed')]);

  const late = runFixture();
  late.cluster.add(pod('web'), { shutdownMs: Number.POSITIVE_INFINITY });
  assert.equal(await late.run({ drainDeadlineMs: 60_000 }), 'deadline, hook CONTINUE, exit 0');
  assert.deepEqual(late.written, [STARTED, over('NodeDrainerFailed')]);

  const stopped = runFixture();
  stopped.cluster.add(pod('web'), { shutdownMs: Number.POSITIVE_INFINITY });
  stopped.clock.sleep(60_000, never).then(() => stopped.stop.abort(new Stopped('SIGTERM')));
  assert.equal(await stopped.run(), 'stopped, hook untouched, exit 143');
  assert.deepEqual(stopped.written, [STARTED, over('NodeDrainerInterrupted')]);
});

// Between two tasks the node would seem to be in service again.
test('a drain that is handed over stays in progress', async () => {
  const { clock, cluster, facts, run, stop, written } = runFixture();
  cluster.add(pod('web'), { shutdownMs: Number.POSITIVE_INFINITY });
  facts.ports = { successors: { start: async () => ({ kind: 'started', task: 'arn:task/2' }) } };
  clock.sleep(60_000, never).then(() => stop.abort(new Stopped('SIGTERM')));
  assert.equal(await run(), 'handed over, hook untouched, exit 0');
  assert.deepEqual(written, [STARTED]);
});

// `kubectl describe node` would tell of a drain that nobody has started.
test('a dry run sets no condition, and a drain by name does', async () => {
  const dry = runFixture();
  dry.cluster.add(pod('web'));
  assert.equal(await dry.run({ dryRun: true }), 'dry run, hook untouched, exit 0');
  assert.deepEqual(dry.written, []);
  const named = runFixture();
  named.cluster.add(pod('web'));
  assert.equal(await named.run({ target: { kind: 'node', name: 'node-a' } }), 'drained, hook untouched, exit 0');
  assert.equal(named.written.length, 2);
});

// Its machine was started again: the node serves, and would still be shown as drained.
test('an instance that returns into service is no longer shown as drained', async () => {
  const { clock, cluster, facts, hook, node, run, written } = runFixture();
  cluster.add(pod('web'));
  facts.lifecycleState = () => {
    if (hook.results.length === 0) return 'ReplacingRootVolume:Wait';
    const drainConditions = [{ type: 'Drained', status: 'True', reason: 'NodeDrainerCompleted' } as const];
    facts.nodes = [{ ...node, drainConditions }];
    return clock.elapsed < 180_000 ? 'ReplacingRootVolume:Proceed' : 'InService';
  };
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(written.at(-1), over('NodeDrainerUndone'));
  assert.equal(written.length, 3);
});
