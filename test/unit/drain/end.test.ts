import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';

// Retrying what RBAC forbids keeps a dead instance billed for two days.
test('being denied ends the drain at once, by whichever call', async () => {
  const denied = new Denied('pods/eviction is forbidden');
  for (const call of ['evict web-0', 'read pods']) {
    const { clock, cluster, start } = draining();
    if (call !== 'read pods') for (const one of podsOf('web', 2)) cluster.add(one);
    cluster.fault = (made) => (made === call ? denied : undefined);
    const { done, startedAt } = await start();
    await assert.rejects(clock.until(done, 5_000), denied, call);
    assert.ok(clock.elapsed - startedAt <= 1_000, call);
  }
});

// ECS kills the task 30 seconds after SIGTERM; a drain that finishes its round first never says how far it came.
test('an abort ends the drain at once with its reason, whatever it waits for', async () => {
  for (const latencyMs of [0, 3_000]) {
    const { clock, cluster, stop, start } = draining();
    cluster.add(pod('endless'), { shutdownMs: Number.POSITIVE_INFINITY });
    cluster.latencyMs = latencyMs;
    const { done, startedAt } = await start();
    await clock.advance(2_000);
    const reason = new Error('SIGTERM');
    stop.abort(reason);
    await assert.rejects(done, reason);
    assert.equal(clock.elapsed - startedAt, 2_000);
  }
});

// A watch or a sleep that outlives the drain keeps the process from exiting after its last line.
test('nothing of a drain goes on after it, whether it was aborted or came to its own end', async () => {
  for (const ends of ['by itself', 'aborted']) {
    const { clock, cluster, stop, start } = draining();
    for (const one of podsOf('web', 4)) cluster.add(one, { shutdownMs: Number.POSITIVE_INFINITY });
    cluster.budgets.add('web', 3);
    const { done } = await start({ deadlineAt: clock.now() + 5_500, onDeadline: 'continue', lastResort: 'evict' });
    if (ends === 'aborted') {
      await clock.advance(3_000);
      stop.abort(new Error('stop'));
      await assert.rejects(done);
    } else {
      assert.equal(await clock.until(done, 10_000), 'deadline');
    }
    await clock.settle();
    assert.equal(clock.sleeping, 0, ends);
    const sent = cluster.evictions.length;
    cluster.relist();
    cluster.add(pod('late'));
    await clock.advance(60_000);
    assert.equal(cluster.evictions.length, sent, ends);
    assert.deepEqual(cluster.budgets.watches, ['+shop', '-shop'], ends);
    assert.equal(cluster.observers, 0, ends);
  }
});

// The summary counts what was evicted and is the last line of a run: a pod that is told to go after it was evicted by nobody.
test('what is under way when the drain ends is told before it has ended', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 2)) cluster.add(one);
  const denied = new Denied('pods/eviction is forbidden');
  cluster.evict = async ({ name }) => {
    if (name === 'web-0') throw denied;
    for (let turns = 0; turns < 3; turns++) await new Promise((turn) => setImmediate(turn));
    return { kind: 'accepted' };
  };
  const { done } = await start();
  const toldBefore = done.catch(() => recorder.recorded.length);
  await assert.rejects(clock.until(done, 5_000), denied);
  await clock.settle();
  assert.equal(recorder.of('eviction accepted').length, 1);
  assert.equal(recorder.recorded.length, await toldBefore);
});

// ECS kills a task that does not end; one call that heeds nobody must not cost the hook its last word.
test('a call that heeds no abort does not hold up the end of the drain', async () => {
  const { clock, cluster, stop, start } = draining();
  cluster.add(pod('watchesStalled'));
  cluster.evict = () => new Promise(() => undefined);
  const { done } = await start();
  await clock.advance(2_000);
  const reason = new Error('SIGTERM');
  stop.abort(reason);
  const beganToEnd = clock.elapsed;
  await assert.rejects(clock.until(done, 5_000), reason);
  assert.ok(clock.elapsed - beganToEnd <= 500);
});

// A thousand drainers that ask a recovering API server five times a second each keep it down.
test('the read that confirms the end is repeated ever more slowly while it fails', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('web'));
  cluster.fault = (call) => (call === 'read pods' ? new Failure('503', { transient: true }) : undefined);
  const { done } = await start();
  await clock.advance(600_000);
  assert.ok(cluster.consistentReads >= 30 && cluster.consistentReads <= 120, `${cluster.consistentReads} reads`);
  cluster.fault = () => undefined;
  assert.equal(await clock.until(done, 20_000), 'drained');
});

// A TypeError in the evictor was retried 59 times in ten minutes, and shown as the reason for which a pod waited.
test('a bug ends the drain at once, wherever it is', async () => {
  for (const call of ['evict web', 'read pods', 'read budgets', 'read node'] as const) {
    const { clock, cluster, start } = draining();
    for (const one of podsOf('shop', 2)) cluster.add(one);
    cluster.add(pod('web'), call === 'read node' ? { replacedAfterMs: 10, returnsToNode: true } : {});
    const bug = new TypeError('x is not a function');
    let calls = 0;
    cluster.fault = (made) => (made === call && ++calls > 0 ? bug : undefined);
    const { done } = await start();
    await assert.rejects(clock.until(done, 60_000), bug, call);
    assert.equal(calls, 1, call);
  }
});

// A webhook that denies the cordon was final on the first try, and retried for ever on every later one.
test('a permanent answer to a cordon ends the drain on every try alike', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('web'), { shutdownMs: 60_000 });
  const denied = new Failure('admission webhook "nodes.example.com" denied the request');
  cluster.fault = (call) => (call === 'cordon' ? denied : undefined);
  const { done } = await start();
  await clock.advance(1_000);
  cluster.node.cordon(false);
  await assert.rejects(clock.until(done, 10_000), denied);
});
