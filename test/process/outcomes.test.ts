import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import { clientOptions } from '../simulator-tests/aws/account.ts';
import { extract } from '../support/emf.ts';
import { noHarm } from '../witness/harm.ts';
import { GROUP, HOOK } from './account.ts';
import { actionOf, INSTANCE, NODE, type ProcessFixture, processFixture } from './process-fixture.ts';
import { Program, summaryOf } from './program.ts';

// The rows of the table of docs/outcomes.md: the exit code of the real program and the lifecycle result that it sent. The rows that
// depend on a policy are in policies.test.ts.
// The tests run concurrently: each has a cluster and an AWS account of its own, and mostly waits.
describe('the outcome table', { concurrency: 4 }, () => {
  // The instance waits until its hook times out, hours after the last pod is gone.
  test('a drained node continues the hook and exits with 0', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    fixture.aws.terminateInstance(INSTANCE);
    const ended = await fixture.drain().ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    assert.ok(actionOf(fixture).heartbeats >= 1);
    const { result, pods, node } = summaryOf(ended);
    assert.deepEqual(
      { result, pods, node },
      { result: 'drained', pods: { evicted: 1, skipped: 0, remaining: 0 }, node: NODE },
    );
    await noHarm(fixture.witness);
  });

  // An event that EventBridge delivers twice drains the next node with the same name.
  test('a duplicate event after the hook was completed touches nothing', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    const [event] = fixture.aws.terminateInstance(INSTANCE);
    assert.equal((await fixture.drain().ended()).code, 0);
    await fixture.core.deleteNode({ name: NODE });
    await fixture.core.createNode({
      body: { metadata: { name: NODE }, spec: { providerID: 'aws:///eu-west-1a/i-0fedcba9876543210' } },
    });
    await fixture.addPod('newcomer');
    const before = fixture.kubernetes.requests.length;
    const ended = await fixture
      .drain({ LIFECYCLE_HOOK_NAME: HOOK, LIFECYCLE_ACTION_TOKEN: event?.detail.LifecycleActionToken ?? '' })
      .ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'no pending action');
    assert.ok(!fixture.kubernetes.requests.slice(before).some(({ user }) => user === 'node-drainer'));
    await noHarm(fixture.witness);
  });

  // A crash raises no alarm: a task that exits with 1 has already written the failure metric, so the rule ignores it.
  test('a bug exits with 70, which no failed drain uses', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web', { finalizers: ['test/hold'] });
    fixture.aws.terminateInstance(INSTANCE);
    const bug = 'data:text/javascript,setTimeout(() => { throw new Error("a bug") }, 1500)';
    const ended = await fixture.drain({ NODE_OPTIONS: `--import=${encodeURI(bug)}` }).ended();
    assert.equal(ended.code, 70);
    assert.match(ended.stderr, /this is a bug, please report it: Error: a bug/);
    assert.equal(actionOf(fixture).state, 'pending');
    await noHarm(fixture.witness);
  });

  // The drainer keeps evicting pods from a node whose instance is gone.
  test('a lifecycle action that is completed elsewhere ends the drain: exit 3, hook not completed', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web', { finalizers: ['test/hold'] });
    fixture.aws.terminateInstance(INSTANCE);
    const drainer = fixture.drain();
    await drainer.line('eviction accepted');
    await fixture.containersEnd('web');
    await completeElsewhere(fixture);
    const ended = await drainer.ended();
    assert.equal(ended.code, 3);
    assert.equal(summaryOf(ended)['hook'], 'not completed');
    assert.deepEqual(summaryOf(ended)['lost'], ['default/web']);
    assert.match(summaryOf(ended).message, / · 1 lost: default\/web · /);
    assert.equal(extract(summaryOf(ended)).metrics['DrainsFailed'], 1);
    assert.equal(
      fixture.aws.requests.filter(({ action }) => action === 'autoscaling:CompleteLifecycleAction').length,
      1,
      'only the completion from elsewhere',
    );
    await noHarm(fixture.witness);
  });

  // A missing RBAC manifest looks like a drained node.
  test('a cluster that denies access: exit 1, the hook is not completed, the missing permission is named', async (context) => {
    const fixture = await processFixture(context, { rbac: false });
    fixture.aws.terminateInstance(INSTANCE);
    const ended = await fixture.drain().ended();
    assert.equal(ended.code, 1);
    assert.equal(actionOf(fixture).state, 'pending');
    const failure = ended.lines.find(({ event }) => event === 'run failed');
    assert.match(failure?.message ?? '', /cannot get resource "nodes"/);
    assert.match(String(failure?.['advice']), /rbac\.yaml/);
    await noHarm(fixture.witness);
  });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    // A stopped Fargate task completes the hook of a node that is not drained.
    test(`${signal} stops a drain within 2 s: exit ${code}, the hook is not completed`, async (context) => {
      const fixture = await processFixture(context);
      await fixture.addPod('web');
      await fixture.blockAll();
      fixture.aws.terminateInstance(INSTANCE);
      const drainer = fixture.drain();
      await drainer.line('pod waiting');
      const at = Date.now();
      drainer.kill(signal);
      const ended = await drainer.ended();
      assert.ok(Date.now() - at < 2_000, `it took ${Date.now() - at} ms`);
      assert.equal(ended.code, code);
      assert.equal(actionOf(fixture).state, 'pending');
      assert.equal(summaryOf(ended)['result'], 'stopped');
      await noHarm(fixture.witness);
    });
  }

  // A typo in an instance ID empties a healthy node.
  test('an instance that is InService is refused with exit code 64, and drained with --even-if-not-terminating', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    const refused = await fixture.drain().ended();
    assert.equal(refused.code, 64);
    assert.match(
      refused.lines.find(({ event }) => event === 'run failed')?.message ?? '',
      /not terminating: it is InService in workers/,
    );
    assert.ok(!fixture.kubernetes.requests.some(({ user }) => user === 'node-drainer'));
    fixture.witness.drains(NODE);
    const forced = await fixture.drain({}, '--even-if-not-terminating').ended();
    assert.equal(forced.code, 0, forced.stderr);
    assert.equal(summaryOf(forced)['result'], 'drained');
    await noHarm(fixture.witness);
  });

  // Each deployment reveals one more error, the last one after pods were evicted.
  test('invalid configuration reports every error at once, exits with 64 and calls no API', async (context) => {
    const fixture = await processFixture(context);
    const ended = await fixture
      .drain(
        {
          INSTANCE_ID: 'i-xyz',
          DRAIN_DEADLINE_SECONDS: '1.5',
          ON_FAILURE: 'retry',
          KUBE_CONFIG_OBJECT: '',
          AWS_REGION: '',
          SETTINGS: 'UNBUDGET=all',
        },
        '--frce',
      )
      .ended();
    assert.equal(ended.code, 64);
    assert.deepEqual(ended.lines, []);
    for (const error of [
      /INSTANCE_ID \('i-xyz'\)/,
      /DRAIN_DEADLINE_SECONDS/,
      /ON_FAILURE/,
      /KUBE_CONFIG_OBJECT/,
      /AWS_REGION/,
      /SETTINGS .*did you mean UNBUDGETED/,
      /--frce/,
    ]) {
      assert.match(ended.stderr, error);
    }
    assert.deepEqual(
      [fixture.aws.requests.length, fixture.kubernetes.requests.filter(({ user }) => user === 'node-drainer').length],
      [0, 0],
    );
    await noHarm(fixture.witness);
  });

  // Exit code 0 hides that the instance waits until its hook times out.
  test('a hook that cannot be completed fails the run, with advice on how to complete it by hand', async (context) => {
    const fixture = await processFixture(context);
    fixture.aws.terminateInstance(INSTANCE);
    fixture.aws.faults.add({
      when: ({ path }) => path === 'autoscaling:CompleteLifecycleAction',
      fault: { kind: 'status', status: 403 },
    });
    const ended = await fixture.drain().ended();
    assert.equal(ended.code, 1);
    const failure = ended.lines.find(({ event }) => event === 'hook completion failed');
    assert.match(String(failure?.['advice']), /autoscaling:CompleteLifecycleAction/);
    await noHarm(fixture.witness);
  });

  // The first command that a new user types ends in a stack trace.
  test('an unknown command is reported and exits with 64, without any configuration', async () => {
    const run = async (...args: string[]) => new Program(args, {}).ended();
    assert.equal((await run('frobnicate')).code, 64);
    assert.match((await run('frobnicate')).stderr, /unknown command 'frobnicate'/);
  });
});

/** What an operator does from the console while a drain runs. */
async function completeElsewhere({ aws }: ProcessFixture): Promise<void> {
  await new AutoScalingClient(clientOptions(aws)).send(
    new CompleteLifecycleActionCommand({
      AutoScalingGroupName: GROUP,
      LifecycleHookName: HOOK,
      InstanceId: INSTANCE,
      LifecycleActionResult: 'CONTINUE',
    }),
  );
}
