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

// The drainer decides by these what becomes of an instance without a node, and of a node without a proof.
test('EC2 tells when an instance was launched, and the addresses of all its network interfaces', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now });
  aws.createAutoScalingGroup({ name: 'nodes' });
  const launch = { autoScalingGroupName: 'nodes', privateDnsName: 'ip-10-0-1-2.ec2.internal' };
  aws.launchInstance({ ...launch, instanceId: 'i-00000000' });
  const networkInterfaces = [['172.18.0.3', '172.18.0.4'], ['172.18.1.3']];
  const launchTime = clock.now() - 60 * second;
  aws.launchInstance({ ...launch, instanceId: id, privateIpAddress: '172.18.0.3', networkInterfaces, launchTime });
  const client = new EC2Client({ ...clientOptions(aws), maxAttempts: 2 });
  const describe = async (instanceId: string) => {
    const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    const instance = Reservations?.[0]?.Instances?.[0];
    return {
      launchTime: instance?.LaunchTime?.getTime(),
      address: instance?.PrivateIpAddress,
      interfaces: instance?.NetworkInterfaces?.map(({ PrivateIpAddresses = [] }) =>
        PrivateIpAddresses.map(({ PrivateIpAddress }) => PrivateIpAddress),
      ),
    };
  };
  assert.deepEqual(await describe('i-00000000'), {
    launchTime: clock.now() - 3600 * second,
    address: '10.0.1.2',
    interfaces: [['10.0.1.2']],
  });
  assert.deepEqual(await describe(id), { launchTime, address: '172.18.0.3', interfaces: networkInterfaces });
  aws.terminateInstance(id);
  clock.pass(10 * second);
  const { address, interfaces = [] } = await describe(id);
  assert.deepEqual({ address, interfaces }, { address: undefined, interfaces: [] });
});
