import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeInstance, describeInstances } from '../../../app/aws/ec2.ts';
import { simulatedAws } from '../../support/simulated-aws.ts';

const ID = 'i-0123456789abcdef0';
const REGION = { name: 'eu-central-1' };
const never = new AbortController().signal;

// An instance that is minutes old counts as one that lost its node, and its group waits for the timeout of the hook; or a node
// of kind or k3s is taken for the instance although its address is another.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
test('an instance is described by its name, its launch, its state and every private address', async (t) => {
  const aws = await simulatedAws(t);
  const launchTime = Date.parse('2026-01-02T03:04:05Z');
  aws.launchInstance({
    instanceId: ID,
    privateDnsName: 'ip-10-0-1-2.ec2.internal',
    privateIpAddress: '10.0.1.2',
    networkInterfaces: [['10.0.1.2', '10.0.1.3'], ['10.0.9.7']],
    launchTime,
    tags: { 'kubernetes.io/cluster/prod': 'owned' },
  });
  assert.deepEqual(await describeInstance(ID, REGION, never), {
    privateDnsName: 'ip-10-0-1-2.ec2.internal',
    privateIPs: ['10.0.1.2', '10.0.1.3', '10.0.9.7'],
    launchedAt: launchTime,
    state: 'running',
    clusters: ['prod'],
    isHeld: false,
  });
});

// A drain that waits for a node to come back, for an instance that EC2 is already terminating.
test('the state of an instance that is being terminated is the one that EC2 says', async (t) => {
  const aws = await simulatedAws(t);
  aws.createAutoScalingGroup({ name: 'nodes' });
  aws.launchInstance({ instanceId: ID, autoScalingGroupName: 'nodes' });
  assert.equal((await describeInstance(ID, REGION, never))?.state, 'running');
  aws.terminateInstance(ID);
  assert.equal((await describeInstance(ID, REGION, never))?.state, 'shutting-down');
});

// An unknown instance fails the run, whose hook is then left alone; one instance without a name hides those with one.
test('an instance that EC2 does not know is missing, and does not hide the others', async (t) => {
  const aws = await simulatedAws(t);
  aws.launchInstance({ instanceId: ID, privateDnsName: 'ip-10-0-1-2.ec2.internal' });
  assert.equal(await describeInstance('i-00000000', REGION, never), undefined);
  const found = await describeInstances(['i-00000000', ID, 'i-11111111'], REGION, never);
  assert.deepEqual([...found.keys()], [ID]);
});

// A sweep of a large group fails, because EC2 takes at most 200 values of a filter.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html
test('many instances are described 200 at a time', async (t) => {
  const aws = await simulatedAws(t);
  const ids = Array.from({ length: 401 }, (_, index) => `i-${String(index).padStart(8, '0')}`);
  for (const instanceId of ids) aws.launchInstance({ instanceId });
  const found = await describeInstances(ids, REGION, never);
  assert.equal(found.size, 401);
  assert.equal(aws.requests.length, 3);
  const first = found.get('i-00000000');
  assert.ok(first?.launchedAt !== undefined && first.launchedAt < Date.now());
});
