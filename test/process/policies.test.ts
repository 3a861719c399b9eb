import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { actionOf, INSTANCE, NODE, world } from './process-fixture.ts';
import { summaryOf } from './program.ts';

// The rows of the README's outcome table in which a setting of the owner decides what the hook is told.
describe('the policies', { concurrency: 4 }, () => {
  for (const [policy, result] of [
    ['continue', 'CONTINUE'],
    ['abandon', 'ABANDON'],
  ] as const) {
    test(`an instance that never joined the cluster: ${result} with MISSING_NODE=${policy}`, async (context) => {
      // Otherwise: a node that failed to boot is billed until its hook times out.
      const w = await world(context);
      await w.core.deleteNode({ name: NODE });
      w.aws.terminateInstance(INSTANCE);
      const ended = await w.drain({ MISSING_NODE: policy }).ended();
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(actionOf(w).result, result);
      assert.equal(actionOf(w).beats, 0, 'no heartbeat before the node is found');
    });
  }

  for (const [policy, result] of [
    ['leave', undefined],
    ['abandon', 'ABANDON'],
    ['continue', 'CONTINUE'],
  ] as const) {
    test(`a cluster that cannot be reached: exit 1, ON_FAILURE=${policy}`, async (context) => {
      // Otherwise: a drainer that drained nothing tells Auto Scaling to go on, and every pod is killed.
      const w = await world(context);
      w.aws.terminateInstance(INSTANCE);
      w.kubernetes.faults.outage();
      const ended = await w.drain({ CONNECT_TIMEOUT_SECONDS: '1', ON_FAILURE: policy }).ended();
      assert.equal(ended.code, 1);
      assert.equal(actionOf(w).result, result);
      assert.equal(actionOf(w).beats, 0);
      assert.match(
        ended.lines.find(({ event }) => event === 'run failed')?.message ?? '',
        /could not reach the cluster within 1 s/,
      );
    });
  }

  for (const [policy, result] of [
    ['continue', 'CONTINUE'],
    ['abandon', 'ABANDON'],
  ] as const) {
    test(`a drain deadline with ON_DEADLINE=${policy} gives ${result} and exits with 0`, async (context) => {
      // Otherwise: a budget that never allows anything keeps an instance for two days against its owner's wish.
      const w = await world(context);
      await w.addPod('web');
      await w.blockAll();
      w.aws.terminateInstance(INSTANCE);
      const ended = await w.drain({ DRAIN_DEADLINE_SECONDS: '1', ON_DEADLINE: policy }).ended();
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(actionOf(w).result, result);
      assert.equal(
        (await w.core.readNamespacedPod({ namespace: 'default', name: 'web' })).metadata?.deletionTimestamp,
        undefined,
      );
    });
  }

  test('a drain deadline with ON_DEADLINE=force deletes what a budget holds, waits for it, and continues', async (context) => {
    // Otherwise: "force" kills pods without their grace period, or completes the hook before they ended.
    const w = await world(context);
    await w.addPod('web', { annotations: { 'lab/shutdown-ms': '300' } });
    await w.blockAll();
    w.aws.terminateInstance(INSTANCE);
    const ended = await w.drain({ DRAIN_DEADLINE_SECONDS: '1', ON_DEADLINE: 'force' }).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'drained');
    assert.equal(actionOf(w).result, 'CONTINUE');
    const { items } = await w.core.listNamespacedPod({ namespace: 'default' });
    assert.deepEqual(items, []);
  });
});
