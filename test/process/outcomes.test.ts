import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import { clientOptions } from '../simulator-tests/aws/account.ts';
import { extract } from '../support/emf.ts';
import { GROUP, HOOK } from './account.ts';
import { actionOf, INSTANCE, NODE, type World, world } from './process-fixture.ts';
import { Program, summaryOf } from './program.ts';

// The rows of the README's outcome table, by the real program: its exit code, and what it told the hook. Those that a policy
// decides are in policies.test.ts.
// They run at the same time: each has a cluster and an account of its own, and mostly waits.
describe('the outcome table', { concurrency: 4 }, () => {
  test('a drained node continues the hook and exits with 0', async (context) => {
    // Otherwise: the instance waits for its hook's timeout, hours after the last pod left.
    const w = await world(context);
    await w.addPod('web');
    w.aws.terminateInstance(INSTANCE);
    const ended = await w.drain().ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(actionOf(w).result, 'CONTINUE');
    assert.ok(actionOf(w).beats >= 1);
    const { result, pods, node } = summaryOf(ended);
    assert.deepEqual(
      { result, pods, node },
      { result: 'drained', pods: { evicted: 1, skipped: 0, remaining: 0 }, node: NODE },
    );
  });

  test('a duplicate event after the hook was completed touches nothing', async (context) => {
    // Otherwise: an event that EventBridge delivers twice drains the node that took over the name.
    const w = await world(context);
    await w.addPod('web');
    const [event] = w.aws.terminateInstance(INSTANCE);
    assert.equal((await w.drain().ended()).code, 0);
    await w.core.patchNode({ name: NODE, body: [{ op: 'replace', path: '/spec/unschedulable', value: false }] });
    await w.addPod('newcomer');
    const before = w.kubernetes.requests.length;
    const ended = await w
      .drain({ LIFECYCLE_HOOK_NAME: HOOK, LIFECYCLE_ACTION_TOKEN: event?.detail.LifecycleActionToken ?? '' })
      .ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(summaryOf(ended)['result'], 'no pending action');
    assert.ok(!w.kubernetes.requests.slice(before).some(({ user }) => user === 'node-drainer'));
  });

  test('a bug ends with 70, which no drain that failed by itself ends with', async (context) => {
    // Otherwise: nobody is woken, because what ends with 1 has counted itself.
    const w = await world(context);
    await w.addPod('web', { finalizers: ['test/hold'] });
    w.aws.terminateInstance(INSTANCE);
    const bug = 'data:text/javascript,setTimeout(() => { throw new Error("a bug") }, 1500)';
    const ended = await w.drain({ NODE_OPTIONS: `--import=${encodeURI(bug)}` }).ended();
    assert.equal(ended.code, 70);
    assert.match(ended.stderr, /this is a bug, please report it: Error: a bug/);
    assert.equal(actionOf(w).state, 'pending');
  });

  test('an action that somebody else completes ends the drain with 3, untouched', async (context) => {
    // Otherwise: the drainer goes on evicting from a node whose instance is no longer there.
    const w = await world(context);
    await w.addPod('web', { finalizers: ['test/hold'] });
    w.aws.terminateInstance(INSTANCE);
    const drainer = w.drain();
    await drainer.line('eviction accepted');
    await completeElsewhere(w);
    const ended = await drainer.ended();
    assert.equal(ended.code, 3);
    assert.equal(summaryOf(ended)['hook'], 'not completed');
    assert.deepEqual(summaryOf(ended)['lost'], ['default/web']);
    assert.match(summaryOf(ended).message, / · 1 lost: default\/web · /);
    assert.equal(extract(summaryOf(ended)).metrics['DrainsFailed'], 1);
    assert.equal(
      w.aws.requests.filter(({ action }) => action === 'autoscaling:CompleteLifecycleAction').length,
      1,
      'only the one from elsewhere',
    );
  });

  test('a cluster that denies access: exit 1, the hook left alone, and the missing right named', async (context) => {
    // Otherwise: a forgotten RBAC manifest looks like a drained node.
    const w = await world(context, { rbac: false });
    w.aws.terminateInstance(INSTANCE);
    const ended = await w.drain().ended();
    assert.equal(ended.code, 1);
    assert.equal(actionOf(w).state, 'pending');
    const failure = ended.lines.find(({ event }) => event === 'run failed');
    assert.match(failure?.message ?? '', /cannot get resource "nodes"/);
    assert.match(String(failure?.['advice']), /rbac\.yaml/);
  });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    test(`${signal} stops a drain within 2 s, exit ${code}, the hook left alone`, async (context) => {
      // Otherwise: a Fargate task that is stopped completes the hook of a node that is not drained.
      const w = await world(context);
      await w.addPod('web');
      await w.blockAll();
      w.aws.terminateInstance(INSTANCE);
      const drainer = w.drain();
      await drainer.line('pod waiting');
      const at = Date.now();
      drainer.kill(signal);
      const ended = await drainer.ended();
      assert.ok(Date.now() - at < 2_000, `it took ${Date.now() - at} ms`);
      assert.equal(ended.code, code);
      assert.equal(actionOf(w).state, 'pending');
      assert.equal(summaryOf(ended)['result'], 'stopped');
    });
  }

  test('an instance in service is refused with 64, and drained with --force', async (context) => {
    // Otherwise: a typo in an instance ID empties a healthy node.
    const w = await world(context);
    await w.addPod('web');
    const refused = await w.drain().ended();
    assert.equal(refused.code, 64);
    assert.match(
      refused.lines.find(({ event }) => event === 'run failed')?.message ?? '',
      /not terminating: it is InService in workers/,
    );
    assert.ok(!w.kubernetes.requests.some(({ user }) => user === 'node-drainer'));
    const forced = await w.drain({}, '--force').ended();
    assert.equal(forced.code, 0, forced.stderr);
    assert.equal(summaryOf(forced)['result'], 'drained');
  });

  test('bad configuration names every fault at once, exits with 64, and calls nobody', async (context) => {
    // Otherwise: faults are found one a deployment, the last of them after pods were evicted.
    const w = await world(context);
    const ended = await w
      .drain(
        {
          INSTANCE_ID: 'i-xyz',
          DRAIN_DEADLINE_SECONDS: '1.5',
          ON_FAILURE: 'retry',
          KUBE_CONFIG_OBJECT: '',
          AWS_REGION: '',
        },
        '--frce',
      )
      .ended();
    assert.equal(ended.code, 64);
    assert.deepEqual(ended.lines, []);
    for (const fault of [
      /INSTANCE_ID \('i-xyz'\)/,
      /DRAIN_DEADLINE_SECONDS/,
      /ON_FAILURE/,
      /KUBE_CONFIG_OBJECT/,
      /AWS_REGION/,
      /--frce/,
    ]) {
      assert.match(ended.stderr, fault);
    }
    assert.deepEqual(
      [w.aws.requests.length, w.kubernetes.requests.filter(({ user }) => user === 'node-drainer').length],
      [0, 0],
    );
  });

  test('a hook that cannot be completed makes the run fail, and says how to do it by hand', async (context) => {
    // Otherwise: exit 0 hides that the instance hangs until its timeout.
    const w = await world(context);
    w.aws.terminateInstance(INSTANCE);
    w.aws.faults.add({
      when: ({ path }) => path === 'autoscaling:CompleteLifecycleAction',
      fault: { kind: 'status', status: 403 },
    });
    const ended = await w.drain().ended();
    assert.equal(ended.code, 1);
    const failure = ended.lines.find(({ event }) => event === 'hook completion failed');
    assert.match(String(failure?.['advice']), /autoscaling:CompleteLifecycleAction/);
  });

  test('help, version and unknown commands say so without any configuration', async () => {
    // Otherwise: the first thing a newcomer types ends in a stack trace.
    const run = async (...args: string[]) => new Program(args, {}).ended();
    assert.equal((await run('frobnicate')).code, 64);
    assert.match((await run('frobnicate')).stderr, /'frobnicate' is not a command/);
  });
});

/** What an operator does from the console while a drain runs. */
async function completeElsewhere({ aws }: World): Promise<void> {
  await new AutoScalingClient(clientOptions(aws)).send(
    new CompleteLifecycleActionCommand({
      AutoScalingGroupName: GROUP,
      LifecycleHookName: HOOK,
      InstanceId: INSTANCE,
      LifecycleActionResult: 'CONTINUE',
    }),
  );
}
