import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { targetGroups } from '../../../app/aws/elbv2.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { awsError } from '../../simulator/aws/protocol/errors.ts';
import { ManualClock } from '../../support/clock.ts';
import { simulatedAws } from '../../support/simulated-aws.ts';

const ID = 'i-0123456789abcdef0';
const never = new AbortController().signal;
const isLoadBalancing = ({ path }: { path: string }) => path.startsWith('elasticloadbalancing:');

/** The clock never waits: how long calls wait for their turn is counted. */
async function balanced(t: TestContext) {
  const aws = await simulatedAws(t);
  const manual = new ManualClock();
  const waited: number[] = [];
  const clock = {
    now: manual.now,
    sleep: async (ms: number) => {
      waited.push(ms);
      await manual.advance(ms);
    },
  };
  return { aws, waited, groups: await targetGroups({ name: 'eu-central-1' }, clock) };
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html
test('every page of target groups is read, without those of functions and load balancers', async (t) => {
  const { aws, groups } = await balanced(t);
  const arns = Array.from({ length: 401 }, (_, n) => aws.createTargetGroup({ name: `g-${n}` }));
  aws.createTargetGroup({ name: 'function', targetType: 'lambda' });
  const first = await groups.page(undefined, never);
  assert.equal(first.groups.length, 400);
  const second = await groups.page(first.next, never);
  assert.deepEqual(second, { groups: [arns[400]] });
});

test('the tags of target groups are read by their ARNs', async (t) => {
  const { aws, groups } = await balanced(t);
  const tags = { 'kubernetes.io/cluster/prod': 'owned', team: 'shop' };
  const arns = [aws.createTargetGroup({ name: 'a', tags }), aws.createTargetGroup({ name: 'b' })];
  assert.deepEqual(await groups.tags(arns, never), [
    { group: arns[0], tags },
    { group: arns[1], tags: {} },
  ]);
});

// A target that is asked for without its port is another target, which is not registered: the drain would end too early.
test('the targets of a group are asked for again by their ports', async (t) => {
  const { aws, groups } = await balanced(t);
  const arn = aws.createTargetGroup({ name: 'nlb', of: 'network', port: 80 });
  aws.registerTarget(arn, { id: ID, port: 31_080 });
  aws.registerTarget(arn, { id: '10.0.0.1', port: 443 });
  aws.registerTarget(arn, { id: 'i-0fedcba9876543210', port: 31_080 });
  const all = await groups.targets(arn, never);
  assert.deepEqual(all[0], { id: ID, port: 31_080, draining: false });
  assert.equal(all.length, 3);
  const own = all.slice(0, 2);
  assert.deepEqual(await groups.stillTargets(arn, own, never), own);
  aws.deregisterTarget(arn, { id: ID, port: 31_080 });
  assert.deepEqual(await groups.stillTargets(arn, own, never), [
    { id: ID, port: 31_080, draining: true },
    { id: '10.0.0.1', port: 443, draining: false },
  ]);
});

// Services are deleted while nodes are drained.
test('a target group that no longer exists has no targets', async (t) => {
  const { aws, groups } = await balanced(t);
  const arn = aws.createTargetGroup({ name: 'gone' });
  aws.registerTarget(arn, { id: ID });
  const targets = await groups.targets(arn, never);
  aws.deleteTargetGroup(arn);
  assert.deepEqual(await groups.targets(arn, never), []);
  assert.deepEqual(await groups.stillTargets(arn, targets, never), []);
});

// 40 calls at once, refilled by 10 a second, for everybody in the account: the controller that deregisters the node is among them.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html
test('one call a second is sent, and a throttled one is left to the caller', async (t) => {
  const { aws, groups, waited } = await balanced(t);
  const arn = aws.createTargetGroup({ name: 'alb' });
  for (let call = 0; call < 4; call++) await groups.targets(arn, never);
  assert.deepEqual(waited, [1_000, 1_000, 1_000]);
  aws.faults.add({ when: isLoadBalancing, fault: { kind: 'throttle' }, times: 2 });
  const before = aws.requests.length;
  await assert.rejects(groups.targets(arn, never), (error) => error instanceof Failure && error.transient);
  assert.equal(aws.requests.length, before + 1);
});

test('a denial says which right is missing', async (t) => {
  const { aws, groups } = await balanced(t);
  aws.faults.add({ when: isLoadBalancing, fault: awsError('elasticloadbalancing', 'AccessDenied') });
  await assert.rejects(groups.page(undefined, never), (error) => {
    assert.ok(error instanceof Failure && !error.transient);
    assert.match(error.advice ?? '', /elasticloadbalancing:DescribeTargetGroups/);
    return true;
  });
});
