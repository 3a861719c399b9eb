import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { pod } from '../../support/objects.ts';
import { INSTANCE, runFixture } from '../../support/run-fixture.ts';

/** An instance whose root volume is replaced: its state after the hook is `after`, 3 minutes later `later`. */
function replacement(after: string, later: string) {
  const all = runFixture();
  const { clock, facts, hook, cluster } = all;
  facts.lifecycleState = () => {
    if (hook.results.length === 0) return 'ReplacingRootVolume:Wait';
    return clock.elapsed < 180_000 ? after : later;
  };
  cluster.add(pod('web'));
  return all;
}

// AWS documents an event of the return only for groups with a launching hook: the node stayed cordoned for good.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html
test('after its root volume was replaced, an instance is put back into service by its own drain', async () => {
  const { run, calls, clock } = replacement('ReplacingRootVolume:Proceed', 'InService');
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.ok(clock.elapsed >= 180_000 && clock.elapsed < 200_000);
  assert.ok(calls.indexOf('restore node-a') > calls.indexOf('cordon node-a'));
  assert.ok(calls.indexOf('restore node-a') < calls.indexOf('close'));
});

// Auto Scaling terminates an instance whose replacement has failed: uncordoned, its node would get pods again.
test('an instance that is terminated after all stays drained', async () => {
  const { run, calls } = replacement('ReplacingRootVolume:Proceed', 'Terminating:Wait');
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  assert.ok(!calls.some((call) => call.startsWith('restore')));
});

// The wait for the return must not make a failure of a drain that has succeeded, nor last for ever.
test('a return that does not come, a stop, or a failed undo is a warning', async () => {
  const never = replacement('RootVolumeReplaced', 'RootVolumeReplaced');
  assert.equal(await never.run({}, 3_600_000), 'drained, hook CONTINUE, exit 0');
  assert.ok(never.clock.elapsed < 1_900_000);
  const stopped = replacement('RootVolumeReplaced', 'InService');
  stopped.clock.sleep(60_000, new AbortController().signal).then(() => stopped.stop.abort(new Stopped('SIGTERM')));
  assert.equal(await stopped.run(), 'drained, hook CONTINUE, exit 0');
  const failed = replacement('RootVolumeReplaced', 'InService');
  failed.facts.lookUp = () => (failed.clock.elapsed > 180_000 ? new Failure('denied') : undefined);
  assert.equal(await failed.run(), 'drained, hook CONTINUE, exit 0');
  for (const { recorder, calls } of [never, stopped, failed]) {
    const warnings = recorder.of('warning').map(({ message }) => message);
    assert.ok(
      warnings.some((message) => /may still be cordoned/.test(message)),
      warnings.join(),
    );
    assert.ok(!calls.some((call) => call.startsWith('restore')));
  }
});

// The action ends before the pods have left: the root volume is replaced all the same, and the node stayed cordoned.
test('an instance whose action ended during the drain is put back into service, too', async () => {
  const { run, calls, hook, cluster, clock } = replacement('ReplacingRootVolume:Proceed', 'InService');
  cluster.add(pod('slow'), { shutdownMs: Number.POSITIVE_INFINITY });
  clock.sleep(60_000, new AbortController().signal).then(() => hook.complete('ABANDON'));
  assert.match(await run({}, 3_600_000), /^action ended, .* exit 3$/);
  assert.ok(calls.includes('restore node-a'));
});

// Fargate maintenance stops the task while it waits for the return, and no event of AWS is documented that would start another.
test('a task that is stopped while it waits hands over, and its successor puts the instance back', async () => {
  const first = replacement('RootVolumeReplaced', 'InService');
  const started: unknown[] = [];
  first.facts.ports = {
    successors: {
      start: async (task) => {
        started.push(task.action.destination);
        return { kind: 'started', task: 'arn:task/2' };
      },
    },
  };
  const target = {
    kind: 'instance',
    instanceId: INSTANCE,
    region: 'eu-central-1',
    action: { destination: 'AutoScalingGroup' },
  } as const;
  first.clock.sleep(60_000, new AbortController().signal).then(() => first.stop.abort(new Stopped('SIGTERM')));
  assert.equal(await first.run({ target }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(started, ['AutoScalingGroup']);

  const second = replacement('RootVolumeReplaced', 'InService');
  second.hook.results.push('CONTINUE');
  assert.equal(await second.run({ target, generation: 1 }), 'no pending action, hook CONTINUE, exit 0');
  assert.ok(second.calls.includes('restore node-a'));
});
