import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { INSTANCE, NODE } from '../process/process-fixture.ts';
import { noHarm } from '../witness/harm.ts';
import { deployed } from './deployed.ts';

// An instance that leaves its warm pool serves with a cordoned node: its group has capacity that Kubernetes cannot use.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html
test('an instance that was drained for its warm pool is put back into service by the event of its return', async (context) => {
  const fixture = await deployed(context, { group: { warmPoolState: 'Running' } });
  const { aws, core, fargate, witness } = fixture;
  const becomes = async (state: string) => {
    while (aws.lifecycleState(INSTANCE) !== state) await pause(50);
  };
  const isCordoned = async () => (await core.readNode({ name: NODE })).spec?.unschedulable ?? false;
  await fixture.addPod('web');
  aws.returnToWarmPool(INSTANCE);
  const [drained] = await fargate.allEnded();
  assert.equal(drained?.code, 0, drained?.stderr);
  assert.equal(await isCordoned(), true);
  await becomes('Warmed:Running');

  aws.leaveWarmPool(INSTANCE);
  await becomes('InService');
  while (fargate.tasks.length < 2) await pause(50);
  const tasks = await fargate.allEnded();
  assert.deepEqual(
    tasks.map(({ code }) => code),
    [0, 0],
    tasks.at(-1)?.stderr,
  );
  assert.deepEqual(
    aws.tasks.map(({ command }) => command?.[0] ?? 'drain'),
    ['drain', 'undo'],
  );
  assert.equal(await isCordoned(), false);
  await noHarm(witness);
});

// Every scale-out would start a Fargate task for each new instance.
test('a new instance starts nothing', async (context) => {
  const { aws } = await deployed(context);
  const seen: unknown[] = [];
  aws.alterEvents((event) => {
    seen.push(event['detail-type']);
    return event;
  });
  aws.launchInstance({ instanceId: 'i-0fedcba9876543210', autoScalingGroupName: 'workers' });
  assert.deepEqual(seen, ['EC2 Instance Launch Successful']);
  assert.deepEqual([aws.tasks.length, aws.executions.length], [0, 0]);
});
