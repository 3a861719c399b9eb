import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  DeregisterTargetsCommand,
  DescribeTagsCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { awsError } from '../../simulator/aws/protocol/errors.ts';
import { clientOptions, id, seed, started } from './account.ts';

async function balanced(t: TestContext) {
  const time = { now: Date.parse('2026-01-02T03:04:05Z') };
  const aws = await started(t, { now: () => time.now });
  seed(aws);
  const client = new ElasticLoadBalancingV2Client({ ...clientOptions(aws), systemClockOffset: time.now - Date.now() });
  return {
    aws,
    client,
    pass: (ms: number) => {
      time.now += ms;
    },
    states: async (TargetGroupArn: string, ...Targets: { Id: string; Port?: number }[]) => {
      const command = new DescribeTargetHealthCommand({ TargetGroupArn, ...(Targets.length > 0 && { Targets }) });
      const { TargetHealthDescriptions = [] } = await client.send(command);
      return TargetHealthDescriptions.map(
        ({ Target, TargetHealth }) => `${Target?.Id}:${Target?.Port} ${TargetHealth?.State} ${TargetHealth?.Reason}`,
      );
    },
  };
}

// A drainer that takes "draining" for gone, or finds a target gone that is registered on another port.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
test('a target is healthy, draining, and then unused, each port for itself', async (t) => {
  const { aws, client, pass, states } = await balanced(t);
  const arn = aws.createTargetGroup({ name: 'alb', port: 80, inFlightMs: 30_000 });
  const Targets = [{ Id: id, Port: 31_080 }, { Id: id }];
  await client.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets }));
  assert.deepEqual(await states(arn), [`${id}:31080 healthy undefined`, `${id}:80 healthy undefined`]);
  await client.send(new DeregisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id: id, Port: 31_080 }] }));
  const draining = `${id}:31080 draining Target.DeregistrationInProgress`;
  assert.deepEqual(await states(arn), [draining, `${id}:80 healthy undefined`]);
  pass(30_000);
  assert.deepEqual(await states(arn), [`${id}:80 healthy undefined`], 'a list does not have it any longer');
  assert.deepEqual(await states(arn, { Id: id, Port: 31_080 }), [`${id}:31080 unused Target.NotRegistered`]);
});

// "deregistration takes at least 2 minutes regardless of the deregistration delay setting"
// https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2366
test('a Network Load Balancer needs two minutes, an Application Load Balancer as long as its requests', async (t) => {
  const { aws, pass } = await balanced(t);
  const nlb = aws.createTargetGroup({ name: 'nlb', of: 'network', deregistrationDelayMs: 5_000 });
  const alb = aws.createTargetGroup({ name: 'alb' });
  const busy = aws.createTargetGroup({ name: 'busy', inFlightMs: 900_000, deregistrationDelayMs: 60_000 });
  for (const arn of [nlb, alb, busy]) {
    aws.registerTarget(arn, { id });
    aws.deregisterTarget(arn, { id });
  }
  const now = Date.parse('2026-01-02T03:04:05Z');
  const at = (ms: number) => aws.sendingTo([id], now + ms).map(({ group, state }) => `${group} ${state}`);
  assert.deepEqual(at(0), ['nlb draining', 'busy draining']);
  assert.deepEqual(at(60_000), ['nlb draining']);
  assert.deepEqual(at(120_000), []);
  pass(120_000);
  aws.registerTarget(nlb, { id });
  assert.deepEqual(at(120_000), ['nlb registered'], 'a target can return');
});

test('an instance that is stopped is an unused target', async (t) => {
  const { aws, pass, states } = await balanced(t);
  const arn = aws.createTargetGroup({ name: 'alb' });
  aws.registerTarget(arn, { id });
  aws.stopInstance(id);
  pass(60_000);
  assert.deepEqual(await states(arn), [`${id}:80 unused Target.InvalidState`]);
});

// A look that reads the first page only, or asks for the tags of thirty groups at once.
test('target groups are paged, and their tags come twenty at a time', async (t) => {
  const { aws, client } = await balanced(t);
  const arns = Array.from({ length: 25 }, (_, n) => aws.createTargetGroup({ name: `g-${n}`, tags: { n: String(n) } }));
  const first = await client.send(new DescribeTargetGroupsCommand({ PageSize: 20 }));
  const second = await client.send(new DescribeTargetGroupsCommand({ PageSize: 20, Marker: first.NextMarker }));
  assert.deepEqual([first.TargetGroups?.length, second.TargetGroups?.length, second.NextMarker], [20, 5, undefined]);
  const { TagDescriptions = [] } = await client.send(new DescribeTagsCommand({ ResourceArns: arns.slice(5, 25) }));
  assert.deepEqual(TagDescriptions[0], { ResourceArn: arns[5], Tags: [{ Key: 'n', Value: '5' }] });
  await assert.rejects(client.send(new DescribeTagsCommand({ ResourceArns: arns })), { name: 'ValidationError' });
});

test('a group that does not exist, a denial and throttling are errors as AWS writes them', async (t) => {
  const { aws, client, states } = await balanced(t);
  const arn = aws.createTargetGroup({ name: 'alb' });
  aws.deleteTargetGroup(arn);
  await assert.rejects(states(arn), { name: 'TargetGroupNotFoundException' });
  const when = ({ path }: { path: string }) => path.startsWith('elasticloadbalancing:');
  aws.faults.add({ when, fault: awsError('elasticloadbalancing', 'AccessDenied'), times: 1 });
  await assert.rejects(client.send(new DescribeTargetGroupsCommand()), { name: 'AccessDenied' });
  aws.faults.add({ when, fault: { kind: 'throttle' }, times: 1 });
  await assert.rejects(client.send(new DescribeTargetGroupsCommand()), { name: /^Throttling/ });
});
