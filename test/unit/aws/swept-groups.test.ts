import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autoScaling } from '../../../app/aws/auto-scaling.ts';
import { sweptGroups } from '../../../app/aws/swept-groups.ts';
import { simulatedAws } from '../../support/simulated-aws.ts';

const region = 'eu-west-1';
const never = new AbortController().signal;
const IDS = ['i-00000000000000001', 'i-00000000000000002', 'i-00000000000000003', 'i-00000000000000004'] as const;

// A sweep that reads only the states of a plain termination leaves every other waiting instance to its event.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
test('a sweep reads the instances of every waiting state, with the tags of their groups', async (t) => {
  const aws = await simulatedAws(t, { region });
  aws.createAutoScalingGroup({ name: 'nodes' });
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'drainer', heartbeatTimeout: 300 });
  aws.createAutoScalingGroup({ name: 'pool', warmPoolState: 'Stopped', tags: { 'eks:cluster-name': 'lab' } });
  aws.putLifecycleHook({ autoScalingGroupName: 'pool', lifecycleHookName: 'drainer', heartbeatTimeout: 300 });
  const [ended, replaced, pooled, serving] = IDS;
  for (const instanceId of [ended, replaced]) aws.launchInstance({ instanceId, autoScalingGroupName: 'nodes' });
  for (const instanceId of [pooled, serving]) aws.launchInstance({ instanceId, autoScalingGroupName: 'pool' });
  aws.terminateInstance(ended);
  aws.replaceRootVolume(replaced);
  aws.returnToWarmPool(pooled);
  const groups = await sweptGroups({ name: region }, '', never);
  assert.deepEqual(
    groups
      .flatMap(({ instances }) => instances)
      .map(({ instanceId, group, state }) => `${instanceId} ${group} ${state}`),
    [`${ended} nodes waiting`, `${replaced} nodes waiting`, `${pooled} pool waiting`],
  );
  assert.deepEqual(
    groups.map(({ name, tags, deleting }) => [name, tags.clusters, deleting]),
    [
      ['nodes', [], false],
      ['pool', ['lab'], false],
    ],
  );
  assert.deepEqual(
    (await sweptGroups({ name: region }, 'po', never)).map(({ name }) => name),
    ['pool'],
  );
});

// Most regions have no warm pool: reading every instance of the region would cost a call for each fifty, every few minutes.
test('without a warm pool, the groups are all that is read', async (t) => {
  const aws = await simulatedAws(t, { region });
  aws.createAutoScalingGroup({ name: 'nodes' });
  assert.equal((await sweptGroups({ name: region }, '', never)).length, 1);
  assert.deepEqual(
    aws.requests.map(({ action }) => action),
    ['autoscaling:DescribeAutoScalingGroups'],
  );
});

// Retained instances are billed until somebody terminates them.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
test('an instance whose termination was abandoned is retained, where the group says so', async (t) => {
  let passedMs = 0;
  const aws = await simulatedAws(t, { region, now: () => Date.now() + passedMs });
  aws.createAutoScalingGroup({ name: 'nodes', terminateHookAbandon: 'retain' });
  aws.putLifecycleHook({ autoScalingGroupName: 'nodes', lifecycleHookName: 'drainer', heartbeatTimeout: 300 });
  aws.launchInstance({ instanceId: IDS[0], autoScalingGroupName: 'nodes' });
  aws.terminateInstance(IDS[0]);
  const service = await autoScaling({ name: region });
  const [hook] = await service.terminatingHooks('nodes', IDS[0], {}, never);
  assert.ok(hook);
  await hook.complete('ABANDON', never);
  // First it is in Terminating:Proceed.
  passedMs = 1_000;
  const [group] = await sweptGroups({ name: region }, '', never);
  assert.deepEqual(group?.instances, [{ instanceId: IDS[0], group: 'nodes', state: 'retained' }]);
});
