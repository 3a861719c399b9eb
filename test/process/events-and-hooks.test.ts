import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { noHarm } from '../witness/harm.ts';
import { actionOf, INSTANCE, processFixture } from './process-fixture.ts';

describe('events, hooks and settings', { concurrency: 4 }, () => {
  // At-least-once delivery evicts replacement pods, or the slower task raises an alarm.
  test('two drainers started by one event at the same time complete the hook once and both exit with 0', async (context) => {
    const fixture = await processFixture(context);
    for (const name of ['a', 'b', 'c']) await fixture.addPod(name, { annotations: { 'lab/shutdown-ms': '1500' } });
    const [event] = fixture.aws.terminateInstance(INSTANCE);
    const settings = {
      LIFECYCLE_HOOK_NAME: event?.detail.LifecycleHookName ?? '',
      LIFECYCLE_ACTION_TOKEN: event?.detail.LifecycleActionToken ?? '',
    };
    const both = await Promise.all([fixture.drain(settings).ended(), fixture.drain(settings).ended()]);
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
      JSON.stringify(both.map(({ lines }) => lines.at(-1))),
    );
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    const completions = fixture.aws.requests.filter(({ action }) => action === 'autoscaling:CompleteLifecycleAction');
    assert.equal(completions.filter(({ status }) => status === 200).length, 1);
    await noHarm(fixture.witness);
  });

  // A group with two hooks keeps its instance until the second hook times out.
  test('with only an instance ID, every pending hook of the group gets heartbeats and is completed', async (context) => {
    const fixture = await processFixture(context);
    fixture.aws.putLifecycleHook({
      autoScalingGroupName: 'workers',
      lifecycleHookName: 'second',
      heartbeatTimeout: 60,
    });
    await fixture.addPod('web');
    fixture.aws.terminateInstance(INSTANCE);
    const ended = await fixture.drain().ended();
    assert.equal(ended.code, 0, ended.stderr);
    const actions = fixture.aws.lifecycleActions(INSTANCE);
    assert.deepEqual(
      actions.map(({ lifecycleHookName, result, heartbeats }) => ({
        lifecycleHookName,
        result,
        hasHeartbeat: heartbeats > 0,
      })),
      [
        { lifecycleHookName: 'node-drainer', result: 'CONTINUE', hasHeartbeat: true },
        { lifecycleHookName: 'second', result: 'CONTINUE', hasHeartbeat: true },
      ],
    );
    await noHarm(fixture.witness);
  });

  // A flag is accepted but ignored, and the calls go to the real AWS.
  test('every setting can be a flag, including those that the AWS SDK reads from the environment', async (context) => {
    const fixture = await processFixture(context);
    fixture.aws.terminateInstance(INSTANCE);
    const { AWS_ENDPOINT_URL: url = '', AWS_REGION: region = '' } = fixture.aws.environment;
    const flags = ['--aws-endpoint-url', url, '--aws-region', region, '--lifecycle-hook-name', 'node-drainer'];
    const ended = await fixture
      .drain({ AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'us-east-1' }, ...flags)
      .ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    await noHarm(fixture.witness);
  });

  // The drainer completes another tool's hook, for example one that backs up the instance.
  test('with a named hook, the drainer leaves the other hooks alone', async (context) => {
    const fixture = await processFixture(context);
    fixture.aws.putLifecycleHook({
      autoScalingGroupName: 'workers',
      lifecycleHookName: 'backup',
      heartbeatTimeout: 60,
    });
    fixture.aws.terminateInstance(INSTANCE);
    const ended = await fixture.drain({ LIFECYCLE_HOOK_NAME: 'node-drainer' }).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(
      fixture.aws
        .lifecycleActions(INSTANCE)
        .map(({ lifecycleHookName, state, heartbeats }) => ({ lifecycleHookName, state, heartbeats })),
      [
        { lifecycleHookName: 'node-drainer', state: 'completed', heartbeats: 1 },
        { lifecycleHookName: 'backup', state: 'pending', heartbeats: 0 },
      ],
    );
    await noHarm(fixture.witness);
  });
});
