import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { FakeHook } from '../../support/hooks.ts';
import { pod } from '../../support/objects.ts';
import { INSTANCE, runFixture } from '../../support/run-fixture.ts';

/**
 * A group that retains its instances after ABANDON, and a hook whose actions last 100 minutes.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-lifecycle-policy.html
 */
function retainingGroup() {
  const all = runFixture();
  const hook = new (class extends FakeHook {
    override async complete(result: string) {
      const answer = await super.complete(result);
      if (answer === 'active') state = result === 'ABANDON' ? 'Terminating:Retained' : 'Terminating:Proceed';
      return answer;
    }
  })(all.clock, 'drainer', 60, 6_000);
  const second = new (class extends FakeHook {
    override async complete(result: string) {
      const answer = await super.complete(result);
      if (answer === 'active') state = 'Terminating:Proceed';
      return answer;
    }
  })(all.clock);
  let state = 'Terminating:Wait';
  all.facts.action = { kind: 'pending', group: 'nodes', hooks: [hook] };
  all.facts.lifecycleState = () => state;
  all.facts.retains = true;
  all.facts.onTerminate = () => {
    state = 'Terminating:Wait';
    all.facts.action = { kind: 'pending', group: 'nodes', hooks: [second] };
  };
  return {
    ...all,
    hook,
    second,
    state: () => state,
    retain: () => {
      state = 'Terminating:Retained';
    },
  };
}

const HOURS = 3_600_000;

// At the end of the action, after 48 hours at most, the pods of a drain that needs longer were deleted against their budget.
test('with RETAINED=finish the drain outlives its lifecycle action, and ends the instance after its last pod', async () => {
  const { run, cluster, clock, hook, second, calls, recorder, state } = retainingGroup();
  cluster.add(pod('slow', { graceSeconds: 30 }), { shutdownMs: 5 * HOURS });
  assert.match(await run({ finishRetained: true }, 10 * HOURS), /^drained, .* exit 0$/);
  assert.ok(clock.elapsed >= 5 * HOURS);
  assert.deepEqual(cluster.deletions, []);
  assert.deepEqual([hook.results, second.results, state()], [['ABANDON'], ['CONTINUE'], 'Terminating:Proceed']);
  assert.equal(calls.filter((call) => call === `terminate ${INSTANCE}`).length, 1);
  assert.ok((hook.beats.at(-1) ?? 0) < 6_000_000);
  assert.equal(recorder.of('instance retained').length, 1);
  assert.equal(recorder.of('action ending soon').length, 0);
  const [{ summary } = { summary: undefined }] = recorder.of('summary');
  assert.deepEqual([summary?.hook, summary?.lost], ['CONTINUE', []]);
});

// A policy that is not looked up costs the grace of the pods, one that is looked up for nothing a call of every drain.
test('without the setting, and for a group that does not retain, the end of the action is the end of the pods', async () => {
  for (const [finishRetained, retains] of [
    [false, true],
    [true, false],
  ] as const) {
    const { run, cluster, facts, calls, clock } = retainingGroup();
    facts.retains = retains;
    cluster.budgets.add('web', 9);
    cluster.add(pod('web', { labels: { app: 'web' } }));
    assert.match(await run({ finishRetained }, 10 * HOURS), /^drained, .* exit 0$/);
    assert.ok(clock.elapsed < 6_000_000);
    assert.equal(cluster.deletions.length, 1);
    assert.ok(!calls.some((call) => call.startsWith('terminate')));
  }
});

// A drain that ends in time must not wait for its action, nor leave an instance behind.
test('a drain that ends before its action completes it with CONTINUE', async () => {
  const { run, cluster, hook, calls } = retainingGroup();
  cluster.add(pod('web'));
  assert.equal(await run({ finishRetained: true }), 'drained, hook untouched, exit 0');
  assert.deepEqual(hook.results, ['CONTINUE']);
  assert.ok(!calls.some((call) => call.startsWith('terminate')));
});

// All tasks of the drain died, and the hook timed out with ABANDON: nobody would ever end the instance.
test('a retained instance is drained without heartbeats, and ended', async () => {
  const { run, retain, cluster, hook, second, state } = retainingGroup();
  retain();
  cluster.add(pod('web'));
  assert.match(await run({ finishRetained: true }), /^drained, .* exit 0$/);
  assert.deepEqual([hook.beats, second.results, state()], [[], ['CONTINUE'], 'Terminating:Proceed']);
});

// Whoever keeps instances to look at them would lose them.
test('without the setting a retained instance is over', async () => {
  const { run, retain, calls } = retainingGroup();
  retain();
  assert.equal(await run(), 'no pending action, hook untouched, exit 0');
  assert.deepEqual(calls, []);
});

// An instance that is ended with pods on it is what its group retains it against.
test('a drain that fails for good leaves the instance retained', async () => {
  const { run, retain, cluster, calls, state } = retainingGroup();
  retain();
  cluster.fault = (call) => (call === 'read pods' ? new TypeError('bug') : undefined);
  assert.match(await run({ finishRetained: true }), /^bug, .* exit 70$/);
  assert.ok(!calls.some((call) => call.startsWith('terminate')));
  assert.equal(state(), 'Terminating:Retained');
});

// A person, or another task, completes the action or terminates the instance: the drain must not wait for a state that has passed.
test('an action that somebody completed ends the drain as before, and one that was abandoned does not', async () => {
  const completed = retainingGroup();
  completed.cluster.add(pod('slow'), { shutdownMs: 5 * HOURS });
  completed.clock.sleep(600_000, new AbortController().signal).then(() => completed.hook.complete('CONTINUE'));
  assert.match(await completed.run({ finishRetained: true }, 10 * HOURS), /^action ended, .* exit 3$/);

  const abandoned = retainingGroup();
  abandoned.cluster.add(pod('slow'), { shutdownMs: 5 * HOURS });
  abandoned.clock.sleep(600_000, new AbortController().signal).then(() => abandoned.hook.complete('ABANDON'));
  assert.match(await abandoned.run({ finishRetained: true }, 10 * HOURS), /^drained, .* exit 0$/);
  assert.equal(abandoned.state(), 'Terminating:Proceed');
});

// Fargate maintenance stops the task while it drains a retained instance: the successor must not need an action.
test('the drain of a retained instance is handed over', async () => {
  const { run, retain, cluster, clock, facts, stop } = retainingGroup();
  retain();
  cluster.add(pod('slow'), { shutdownMs: 5 * HOURS });
  facts.ports = { successors: { start: async () => ({ kind: 'started', task: 'arn:task/2' }) } };
  clock.sleep(60_000, new AbortController().signal).then(() => stop.abort(new Stopped('SIGTERM')));
  assert.match(await run({ finishRetained: true }), /^handed over, .* exit 0$/);
});

// A duplicate of the event drains the same retained instance: its task is refused, and would count as a failed drain.
test('of two tasks that end the same instance, the one that is refused completes the new action, too', async () => {
  const { run, retain, cluster, second, facts, state } = retainingGroup();
  retain();
  cluster.add(pod('web'));
  const terminate = facts.onTerminate;
  facts.onTerminate = () => {
    terminate();
    throw new Failure('the instance is terminating');
  };
  assert.match(await run({ finishRetained: true }), /^drained, .* exit 0$/);
  assert.deepEqual([second.results, state()], [['CONTINUE'], 'Terminating:Proceed']);
});

// Without the right, the drain has succeeded, and the instance is billed for ever: the exit code must say so.
test('a retained instance that may not be terminated is a failure that says which right is missing', async () => {
  const { run, retain, facts, recorder } = retainingGroup();
  retain();
  facts.onTerminate = () => {
    throw new Failure('denied', { advice: 'allow autoscaling:TerminateInstanceInAutoScalingGroup' });
  };
  assert.match(await run({ finishRetained: true }), /^drained, .* exit 1$/);
  const [failed] = recorder.of('run failed');
  assert.match(String(failed?.error), /denied/);
});

// ABANDON does not retain a root volume: it is replaced under the running pods, which were never asked to end.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html
test('the action of a root volume replacement is the end of the pods, also in a group that retains', async () => {
  const { run, cluster, facts, hook, clock } = retainingGroup();
  facts.lifecycleState = () => {
    if (hook.results.length === 0) return 'ReplacingRootVolume:Wait';
    return 'InService';
  };
  cluster.budgets.add('web', 9);
  cluster.add(pod('web', { labels: { app: 'web' } }));
  assert.match(await run({ finishRetained: true }, 10 * HOURS), /^drained, .* exit 0$/);
  assert.equal(cluster.deletions.length, 1);
  assert.ok(clock.elapsed < 6_000_000);
  assert.deepEqual(hook.results, ['CONTINUE']);
});

// A right that is missing, or an outage of Auto Scaling, would keep a node from being drained that was drained without the setting.
test('when it is unknown whether the group retains, the action counts as the end of the pods', async () => {
  const { run, cluster, facts, recorder } = retainingGroup();
  facts.onRetentionLookup = () => {
    throw new Failure('denied');
  };
  cluster.add(pod('web'));
  assert.match(await run({ finishRetained: true }), /^drained, .* exit 0$/);
  assert.ok(recorder.of('warning').some(({ message }) => /counts as the end of the instance/.test(message)));
});

// The hook of another tool, which still saves the logs of the instance, would be completed with that of the drain.
test('at the end of a retained instance only the hook of the drain is completed', async () => {
  const { run, retain, cluster, facts, second, clock } = retainingGroup();
  retain();
  cluster.add(pod('web'));
  const other = new FakeHook(clock, 'archive-logs');
  const terminate = facts.onTerminate;
  facts.onTerminate = () => {
    terminate();
    facts.action = { kind: 'pending', group: 'nodes', hooks: [second, other] };
  };
  const action = { hook: 'drainer' };
  const target = { kind: 'instance', instanceId: INSTANCE, region: 'eu-central-1', action } as const;
  assert.match(await run({ finishRetained: true, target }), /^drained, .* exit 0$/);
  assert.deepEqual([second.results, other.results], [['CONTINUE'], []]);
});

// Auto Scaling's answers lag behind: a second call would be refused, and the drain that has succeeded would count as failed.
test('an instance that still shows as retained after it was terminated is not terminated twice', async () => {
  const { run, retain, cluster, facts, calls, clock, state } = retainingGroup();
  retain();
  cluster.add(pod('web'));
  let terminatedAt = Number.POSITIVE_INFINITY;
  const terminate = facts.onTerminate;
  facts.onTerminate = () => {
    terminatedAt = clock.now();
    terminate();
  };
  facts.lifecycleState = () => (clock.now() < terminatedAt + 6_000 ? 'Terminating:Retained' : state());
  assert.match(await run({ finishRetained: true }), /^drained, .* exit 0$/);
  assert.equal(calls.filter((call) => call.startsWith('terminate')).length, 1);
});

// A deadline that leaves the instance retained would start anew with each task that adopts it, for ever.
test('a retained instance has no deadline with ON_DEADLINE=abandon', async () => {
  const { run, retain, cluster, clock } = retainingGroup();
  retain();
  cluster.add(pod('slow'), { shutdownMs: 2 * HOURS });
  const policies = { missingNode: 'continue', onFailure: 'leave', onDeadline: 'abandon' } as const;
  const ended = await run({ finishRetained: true, drainDeadlineMs: 600_000, policies }, 10 * HOURS);
  assert.match(ended, /^drained, .* exit 0$/);
  assert.ok(clock.elapsed >= 2 * HOURS);
});

// The last pod leaves between ABANDON and Terminating:Retained: the summary says CONTINUE, and nobody ends the instance.
test('a drain that ends right after ABANDON ends the instance, too', async () => {
  const { run, cluster, facts, hook, second, state, clock } = retainingGroup();
  let abandonedAt = Number.POSITIVE_INFINITY;
  facts.lifecycleState = () => {
    if (hook.results.includes('ABANDON')) abandonedAt = Math.min(abandonedAt, clock.now());
    return clock.now() < abandonedAt + 8_000 && abandonedAt < Number.POSITIVE_INFINITY
      ? 'Terminating:Proceed'
      : state();
  };
  cluster.add(pod('slow'), { shutdownMs: 5_703_000 });
  assert.match(await run({ finishRetained: true }, 10 * HOURS), /^drained, .* exit 0$/);
  assert.deepEqual(second.results, hook.results.includes('ABANDON') ? ['CONTINUE'] : []);
  assert.equal(state(), 'Terminating:Proceed');
});
