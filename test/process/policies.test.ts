import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { extract } from '../support/emf.ts';
import { noHarm, onlyHarm } from '../witness/harm.ts';
import { GROUP } from './account.ts';
import { actionOf, INSTANCE, NODE, processFixture } from './process-fixture.ts';
import { summaryOf } from './program.ts';

// The rows of the table of docs/outcomes.md in which a setting decides the lifecycle result.
describe('the policies', { concurrency: 4 }, () => {
  for (const [policy, result] of [
    ['continue', 'CONTINUE'],
    ['abandon', 'ABANDON'],
  ] as const) {
    // An instance that failed to boot is billed until its hook times out.
    test(`an instance that never joined the cluster: ${result} with MISSING_NODE=${policy}`, async (context) => {
      const fixture = await processFixture(context);
      await fixture.core.deleteNode({ name: NODE });
      fixture.aws.terminateInstance(INSTANCE);
      const ended = await fixture.drain({ MISSING_NODE: policy }).ended();
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(actionOf(fixture).result, result);
      assert.equal(actionOf(fixture).heartbeats, 0, 'no heartbeat before the node is found');
      await noHarm(fixture.witness);
    });
  }

  // A group whose user data is broken boots instances that never join: each is billed until its hook times out.
  test('a young instance that never joined the cluster: CONTINUE with MISSING_NODE=auto', async (context) => {
    const fixture = await processFixture(context);
    const instanceId = 'i-0fedcba9876543210';
    fixture.aws.launchInstance({ instanceId, autoScalingGroupName: GROUP, launchTime: Date.now() - 60_000 });
    fixture.aws.terminateInstance(instanceId);
    const ended = await fixture.drain({ INSTANCE_ID: instanceId }).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'no node');
    assert.equal(fixture.aws.lifecycleActions(instanceId)[0]?.result, 'CONTINUE');
    await noHarm(fixture.witness);
  });

  for (const [policy, result] of [
    ['leave', undefined],
    ['continue', 'CONTINUE'],
  ] as const) {
    // With the kubeconfig of another cluster, every instance of the group is ended with all of its pods.
    test(`an instance of an hour without a node is a failure: exit 1, ON_FAILURE=${policy}`, async (context) => {
      const fixture = await processFixture(context);
      await fixture.core.deleteNode({ name: NODE });
      fixture.aws.terminateInstance(INSTANCE);
      const ended = await fixture.drain({ ON_FAILURE: policy }).ended();
      assert.equal(ended.code, 1);
      assert.equal(summaryOf(ended)['result'], 'node missing');
      assert.equal(extract(summaryOf(ended)).metrics['NodesMissing'], 1);
      assert.equal(actionOf(fixture).result, result);
      assert.match(String(ended.lines.find(({ event }) => event === 'run failed')?.['advice']), /MISSING_NODE/);
      await noHarm(fixture.witness);
    });
  }

  for (const [policy, result] of [
    ['leave', undefined],
    ['abandon', 'ABANDON'],
    ['continue', 'CONTINUE'],
  ] as const) {
    // A drainer that drained nothing lets Auto Scaling continue, and every pod is killed.
    test(`a cluster that cannot be reached: exit 1, ON_FAILURE=${policy}`, async (context) => {
      const fixture = await processFixture(context);
      fixture.aws.terminateInstance(INSTANCE);
      fixture.kubernetes.faults.outage();
      const ended = await fixture.drain({ CONNECT_TIMEOUT_SECONDS: '1', ON_FAILURE: policy }).ended();
      assert.equal(ended.code, 1);
      assert.equal(actionOf(fixture).result, result);
      assert.equal(actionOf(fixture).heartbeats, 0);
      assert.match(
        ended.lines.find(({ event }) => event === 'run failed')?.message ?? '',
        /could not reach the cluster within 1 s/,
      );
      await noHarm(fixture.witness);
    });
  }

  for (const [policy, result] of [
    ['continue', 'CONTINUE'],
    ['abandon', 'ABANDON'],
  ] as const) {
    // A budget that never allows a disruption keeps an instance for two days, although its owner set a deadline.
    test(`a drain deadline with ON_DEADLINE=${policy} and LAST_RESORT=evict gives ${result} and exits with 0`, async (context) => {
      const fixture = await processFixture(context);
      await fixture.addPod('web');
      await fixture.blockAll();
      fixture.aws.terminateInstance(INSTANCE);
      const ended = await fixture
        .drain({ DRAIN_DEADLINE_SECONDS: '1', ON_DEADLINE: policy, LAST_RESORT: 'evict' })
        .ended();
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(actionOf(fixture).result, result);
      assert.equal(
        (await fixture.core.readNamespacedPod({ namespace: 'default', name: 'web' })).metadata?.deletionTimestamp,
        undefined,
      );
      const why = 'with LAST_RESORT=evict a budget may cost a pod its SIGTERM';
      await onlyHarm(fixture.witness, why, { kind: 'cut off', pod: 'default/web', hadSigterm: false });
    });
  }

  // A pod that its budget guards to the end is killed with its instance, in the middle of a write.
  test('a pod that a budget blocks until the drain deadline is deleted in time to have its whole grace period', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web', { annotations: { 'lab/shutdown-ms': '300' }, graceSeconds: 2 });
    await fixture.blockAll();
    fixture.aws.terminateInstance(INSTANCE);
    const drainer = fixture.drain({ DRAIN_DEADLINE_SECONDS: '6', LAST_RESORT_SECONDS: '1' });
    await drainer.line('pod at risk');
    const ended = await drainer.ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'drained');
    assert.deepEqual(
      ended.lines.filter(({ event }) => event === 'eviction requested').map(({ action }) => action),
      ['evict', 'delete'],
    );
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    await noHarm(fixture.witness);
  });

  // "force" kills pods without their grace period, or completes the hook before they terminate.
  test('a drain deadline with ON_DEADLINE=force deletes the pods that a budget blocks, waits for them, and gives CONTINUE', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web', { annotations: { 'lab/shutdown-ms': '300' } });
    await fixture.blockAll();
    fixture.aws.terminateInstance(INSTANCE);
    const ended = await fixture.drain({ DRAIN_DEADLINE_SECONDS: '1', ON_DEADLINE: 'force' }).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'drained');
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    const { items } = await fixture.core.listNamespacedPod({ namespace: 'default' });
    assert.deepEqual(items, []);
    await noHarm(fixture.witness);
  });
});
