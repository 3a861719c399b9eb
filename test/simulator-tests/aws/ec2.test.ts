import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { clientOptions, id, second, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';

// This name identifies the node, and a new instance can get the address of a terminated one.
test('EC2 describes instances by ID until they are terminated', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  aws.createAutoScalingGroup({ name: 'nodes' });
  aws.launchInstance({ instanceId: id, autoScalingGroupName: 'nodes', privateDnsName: 'ip-10-0-1-2.ec2.internal' });
  const client = new EC2Client({ ...clientOptions(aws), maxAttempts: 2 });
  const describe = async (instanceId: string) => {
    const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    const instance = Reservations?.[0]?.Instances?.[0];
    return [instance?.PrivateDnsName, instance?.State?.Name, instance?.Tags];
  };
  const Tags = [{ Key: 'aws:autoscaling:groupName', Value: 'nodes' }];
  assert.deepEqual(await describe(id), ['ip-10-0-1-2.ec2.internal', 'running', Tags]);
  aws.terminateInstance(id);
  assert.deepEqual(await describe(id), ['ip-10-0-1-2.ec2.internal', 'shutting-down', Tags]);
  clock.pass(10 * second);
  assert.deepEqual(await describe(id), ['', 'terminated', Tags]);
  clock.pass(2 * 3600 * second);
  await assert.rejects(describe(id), { name: 'InvalidInstanceID.NotFound' });
  await assert.rejects(describe('i-nonsense'), { name: 'InvalidInstanceID.Malformed' });
});

// A request for many instances must not fail because one of them is already terminated.
test('EC2 ignores unknown instance IDs in a filter', async (t) => {
  const aws = await started(t);
  aws.createAutoScalingGroup({ name: 'nodes' });
  aws.launchInstance({ instanceId: id, autoScalingGroupName: 'nodes' });
  const client = new EC2Client({ ...clientOptions(aws), maxAttempts: 1 });
  const filtered = async (Name: string, ...Values: string[]) => {
    const { Reservations } = await client.send(new DescribeInstancesCommand({ Filters: [{ Name, Values }] }));
    return Reservations?.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId));
  };
  assert.deepEqual(await filtered('instance-id', id, 'i-00000000', 'i-nonsense'), [id]);
  assert.deepEqual(await filtered('instance-id', 'i-00000000'), []);
  await assert.rejects(filtered('colour', 'blue'), { name: 'InvalidParameterValue' });
  const tooMany = Array.from({ length: 201 }, (_, index) => `i-${index}`);
  await assert.rejects(filtered('instance-id', ...tooMany), { name: 'FilterLimitExceeded' });
});
