import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { actionOf, INSTANCE, world } from './process-fixture.ts';

describe('events, hooks and settings', { concurrency: 4 }, () => {
  test('two drainers started by one event at the same time evict each pod once and continue the hook once', async (context) => {
    // Otherwise: at-least-once delivery evicts replacements, or the slower task alarms somebody at night.
    const w = await world(context);
    for (const name of ['a', 'b', 'c']) await w.addPod(name, { annotations: { 'lab/shutdown-ms': '1500' } });
    const [event] = w.aws.terminateInstance(INSTANCE);
    const settings = {
      LIFECYCLE_HOOK_NAME: event?.detail.LifecycleHookName ?? '',
      LIFECYCLE_ACTION_TOKEN: event?.detail.LifecycleActionToken ?? '',
    };
    const both = await Promise.all([w.drain(settings).ended(), w.drain(settings).ended()]);
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
      JSON.stringify(both.map(({ lines }) => lines.at(-1))),
    );
    assert.equal(actionOf(w).result, 'CONTINUE');
    const completions = w.aws.requests.filter(({ action }) => action === 'autoscaling:CompleteLifecycleAction');
    assert.equal(completions.filter(({ status }) => status === 200).length, 1);
  });

  test('with only an instance ID, every pending hook of its group is kept alive and completed', async (context) => {
    // Otherwise: a group with two hooks keeps its instance until the other one times out.
    const w = await world(context);
    w.aws.putLifecycleHook({ autoScalingGroupName: 'workers', lifecycleHookName: 'second', heartbeatTimeout: 60 });
    await w.addPod('web');
    w.aws.terminateInstance(INSTANCE);
    const ended = await w.drain().ended();
    assert.equal(ended.code, 0, ended.stderr);
    const actions = w.aws.lifecycleActions(INSTANCE);
    assert.deepEqual(
      actions.map(({ lifecycleHookName, result, beats }) => ({ lifecycleHookName, result, beaten: beats > 0 })),
      [
        { lifecycleHookName: 'node-drainer', result: 'CONTINUE', beaten: true },
        { lifecycleHookName: 'second', result: 'CONTINUE', beaten: true },
      ],
    );
  });

  test('every setting can be a flag, also those that the AWS SDK reads from the environment', async (context) => {
    // Otherwise: a flag is accepted, and the calls go to the real AWS.
    const w = await world(context);
    w.aws.terminateInstance(INSTANCE);
    const { AWS_ENDPOINT_URL: url = '', AWS_REGION: region = '' } = w.aws.environment;
    const flags = ['--aws-endpoint-url', url, '--aws-region', region, '--lifecycle-hook-name', 'node-drainer'];
    const ended = await w.drain({ AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'us-east-1' }, ...flags).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(actionOf(w).result, 'CONTINUE');
  });

  test('a named hook is the only one that is touched', async (context) => {
    // Otherwise: the drainer completes the hook of somebody who backs up the instance.
    const w = await world(context);
    w.aws.putLifecycleHook({ autoScalingGroupName: 'workers', lifecycleHookName: 'backup', heartbeatTimeout: 60 });
    w.aws.terminateInstance(INSTANCE);
    const ended = await w.drain({ LIFECYCLE_HOOK_NAME: 'node-drainer' }).ended();
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(
      w.aws
        .lifecycleActions(INSTANCE)
        .map(({ lifecycleHookName, state, beats }) => ({ lifecycleHookName, state, beats })),
      [
        { lifecycleHookName: 'node-drainer', state: 'completed', beats: 1 },
        { lifecycleHookName: 'backup', state: 'pending', beats: 0 },
      ],
    );
  });
});
