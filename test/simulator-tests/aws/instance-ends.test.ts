import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, RecordLifecycleActionHeartbeatCommand } from '@aws-sdk/client-auto-scaling';
import { clientOptions, hook, id, second, seed, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';

// A test that misses the moment at which an instance is switched off, and looks at its pods too late.
test('the end of an instance is told when its action runs out of time, and not before', async (t) => {
  const { now, timers, pass } = fakeClock();
  const aws = await started(t, { now, timers });
  const ends: string[] = [];
  aws.onInstanceEnd(({ how, at }) => ends.push(`${how} after ${(at - begin) / second} s`));
  seed(aws, { heartbeatTimeout: 60 });
  const begin = now();
  aws.terminateInstance(id);
  pass(50 * second);
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  t.after(() => client.destroy());
  await client.send(new RecordLifecycleActionHeartbeatCommand({ ...hook, InstanceId: id }));
  pass(59 * second);
  assert.deepEqual(ends, []);
  pass(2 * second);
  assert.deepEqual(ends, ['timed out after 110 s']);
});

// An instance of a group without a hook that is never switched off.
test('an instance that no hook keeps ends at once, and once', async (t) => {
  const aws = await started(t);
  const ends: string[] = [];
  aws.onInstanceEnd(({ how }) => ends.push(how));
  aws.createAutoScalingGroup({ name: 'plain' });
  aws.launchInstance({ instanceId: id, autoScalingGroupName: 'plain' });
  aws.terminateInstance(id);
  assert.deepEqual(ends, ['no hook']);
});
