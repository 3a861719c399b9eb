import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { clientOptions, id, second } from './account.ts';
import { eventsOf, instanceWithClock, summaryOf } from './instance-states.ts';

const other = 'i-00000000';

// A drainer that takes a stopped instance for a terminated one, or for a running one.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
test('a stopped instance is stopping, then stopped, and can be started again', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  const client = new EC2Client({ ...clientOptions(aws), maxAttempts: 2 });
  const stateOf = async () => {
    const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    const state = Reservations?.[0]?.Instances?.[0]?.State;
    return `${state?.Name} ${state?.Code}`;
  };
  const told: string[] = [];
  aws.onInstanceEnd(() => told.push('end'));
  aws.onInstanceReset(({ how }) => told.push(how));
  aws.onInstanceReturn(() => told.push('back'));
  const events = eventsOf(aws);
  aws.stopInstance(id);
  assert.deepEqual([await stateOf(), told], ['stopping 64', ['stopped']]);
  clock.pass(second);
  assert.equal(await stateOf(), 'stopped 80');
  aws.startInstance(id);
  assert.deepEqual([await stateOf(), told], ['pending 0', ['stopped']]);
  clock.pass(second);
  assert.deepEqual([await stateOf(), told], ['running 16', ['stopped', 'back']]);
  assert.deepEqual(
    events.map((event) => summaryOf(event, 'instance-id', 'state')),
    ['stopping', 'stopped', 'pending', 'running'].map((state) => ['EC2 Instance State-change Notification', id, state]),
  );
  assert.deepEqual(events[0]?.['resources'], [`arn:aws:ec2:eu-central-1:123456789012:instance/${id}`]);
  assert.throws(() => aws.stopInstance(other), { name: 'InvalidInstanceID.NotFound' });
});

// A rule for stopped instances that also matches the end of every instance.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
test('an instance that ends is shutting down, then terminated', async (t) => {
  const { aws, clock } = await instanceWithClock(t, { heartbeatTimeout: 60 });
  const events = eventsOf(aws);
  aws.terminateInstance(id);
  clock.pass(60 * second);
  clock.pass(second);
  assert.deepEqual(
    events.slice(1).map((event) => summaryOf(event, 'state')[1]),
    ['shutting-down', 'terminated'],
  );
});

// A drainer that believes in more than two minutes loses its last pods.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
test('a Spot interruption ends the instance two minutes after its warning, in a group or not', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  aws.launchInstance({ instanceId: other });
  const ends: string[] = [];
  aws.onInstanceEnd(({ instanceId, how, at }) => ends.push(`${instanceId} ${how} ${(at - begin) / second}`));
  const begin = clock.now();
  const events = eventsOf(aws);
  for (const instanceId of [id, other]) aws.interruptSpot(instanceId);
  const warnings = events.map((event) => summaryOf(event, 'instance-id', 'instance-action'));
  assert.deepEqual(
    warnings,
    [id, other].map((instanceId) => ['EC2 Spot Instance Interruption Warning', instanceId, 'terminate']),
  );
  assert.deepEqual(events[0]?.['resources'], [`arn:aws:ec2:eu-central-1a:instance/${id}`]);
  assert.deepEqual(aws.notices(id), [
    { instanceId: id, what: 'spot interruption', at: begin, endsAt: begin + 120 * second },
  ]);
  clock.pass(120 * second - 1);
  assert.deepEqual(ends, []);
  clock.pass(1);
  assert.deepEqual(ends, [`${id} interrupted 120`, `${other} interrupted 120`]);
  assert.equal(aws.lifecycleState(id), 'Terminated');
});

// A hook that is held while EC2 takes the machine holds nothing.
test('a Spot interruption does not wait for hooks', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  const ends: string[] = [];
  aws.onInstanceEnd(({ how }) => ends.push(how));
  aws.interruptSpot(id);
  aws.terminateInstance(id);
  clock.pass(120 * second);
  assert.deepEqual([ends, aws.lifecycleActions(id).map(({ state }) => state)], [['interrupted'], ['stopped']]);
  clock.pass(10_000 * second);
  assert.equal(ends.length, 1);
});

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html: hibernation begins at once.
test('a Spot interruption can stop the instance', async (t) => {
  for (const [action, afterMs] of [
    ['stop', 120 * second],
    ['hibernate', 0],
  ] as const) {
    const { aws, clock } = await instanceWithClock(t);
    const told: string[] = [];
    aws.onInstanceEnd(() => told.push('end'));
    aws.onInstanceReset(({ how }) => told.push(how));
    aws.interruptSpot(id, action);
    clock.pass(afterMs);
    assert.deepEqual([told, aws.lifecycleState(id)], [['stopped'], 'InService']);
  }
});

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html#monitor-rebalance-recommendations
test('a rebalance recommendation is an event, and ends nothing', async (t) => {
  const { aws, clock } = await instanceWithClock(t);
  const events = eventsOf(aws);
  aws.recommendRebalance(id);
  clock.pass(3600 * second);
  assert.deepEqual(
    events.map((event) => summaryOf(event, 'instance-id')),
    [['EC2 Instance Rebalance Recommendation', id]],
  );
  assert.equal(aws.lifecycleState(id), 'InService');
});

// A drainer that reads the first instance only, or the time as ISO 8601.
// https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
test('a scheduled change names all its instances in one event, with a time as HTTP writes it', async (t) => {
  const { aws } = await instanceWithClock(t);
  const events = eventsOf(aws);
  aws.scheduleChange([id, other], new Date('2026-08-27T21:42:38Z'));
  const fields = ['service', 'eventTypeCategory', 'eventTypeCode', 'startTime'];
  assert.deepEqual(
    events.map((event) => [event['source'], ...summaryOf(event, ...fields)]),
    [
      [
        ...['aws.health', 'AWS Health Event', 'EC2', 'scheduledChange', 'AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED'],
        'Thu, 27 Aug 2026 21:42:38 GMT',
      ],
    ],
  );
  const [, entities] = summaryOf(events[0] ?? {}, 'affectedEntities');
  assert.ok(Array.isArray(entities));
  assert.deepEqual(
    entities.map(({ entityValue }) => entityValue),
    [id, other],
  );
});

// A drainer that refuses an event because AWS added a field to it.
test('a test can change the events on their way to the bus', async (t) => {
  const { aws } = await instanceWithClock(t);
  const { end } = aws.alterEvents((event) => ({ ...event, 'new-field': 1 }));
  const events = eventsOf(aws);
  aws.recommendRebalance(id);
  end();
  aws.recommendRebalance(id);
  assert.deepEqual(
    events.map((event) => event['new-field']),
    [1, undefined],
  );
});
