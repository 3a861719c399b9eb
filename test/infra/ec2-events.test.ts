import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { TemplateValidationError } from '../simulator/aws/cloudformation/parameters.ts';
import { mapAt, type ValueMap } from '../simulator/aws/json.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { EKS, importing, templateText } from './templates.ts';

const ALL = {
  SpotInterruptions: 'drain',
  RebalanceRecommendations: 'drain',
  ScheduledChanges: 'drain',
  StoppedInstances: 'drain',
};
const INSTANCE = 'i-0123456789abcdef0';
const OTHER = 'i-0fedcba9876543210';
const time = '2026-11-22T13:05:00Z';

/** drainer.yaml and ec2-events.yaml, deployed. */
async function deployed(context: TestContext, parameters: Record<string, string> = ALL, retryTimeScale = 50) {
  const aws = await startAws({ region: 'eu-west-1', retryTimeScale });
  context.after(() => aws.stop());
  aws.deploy(templateText('drainer'), EKS);
  aws.deploy(templateText('ec2-events'), parameters, { name: 'ec2-events' });
  const put = async (event: ValueMap) => {
    aws.putEvent({ time, ...event });
    return Promise.all(aws.executions.map(({ ended }) => ended));
  };
  return { aws, put, started: () => aws.tasks.map(({ command, overrides }) => [command?.[0], overrides]) };
}

const ec2 = (type: string, detail: ValueMap): ValueMap => ({ source: 'aws.ec2', 'detail-type': type, detail });
const state = (name: string) => ec2('EC2 Instance State-change Notification', { 'instance-id': INSTANCE, state: name });
/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
const INTERRUPTION = ec2('EC2 Spot Instance Interruption Warning', {
  'instance-id': INSTANCE,
  'instance-action': 'terminate',
});
/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html */
const REBALANCE = ec2('EC2 Instance Rebalance Recommendation', { 'instance-id': INSTANCE });
/** https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html */
const SCHEDULED: ValueMap = {
  source: 'aws.health',
  'detail-type': 'AWS Health Event',
  detail: {
    service: 'EC2',
    eventTypeCode: 'AWS_EC2_INSTANCE_REBOOT_MAINTENANCE_SCHEDULED',
    eventTypeCategory: 'scheduledChange',
    statusCode: 'upcoming',
    startTime: 'Thu, 27 Aug 2026 21:42:38 GMT',
    affectedEntities: [{ entityValue: INSTANCE }, { entityValue: OTHER, status: 'PENDING' }],
  },
};

describe('events of EC2 and AWS Health', () => {
  // The task of an event lacks what the drain needs, and ends with 64 or at the wrong time.
  test('each event starts a drain with its reason, its time, and its end where one is known', async (context) => {
    const { put, started } = await deployed(context);
    const drain = (reason: string, instance = INSTANCE, more = {}) => [
      'drain',
      { INSTANCE_ID: instance, REASON: reason, NOTICE_TIME: time, ...more },
    ];
    await put(INTERRUPTION);
    await put(REBALANCE);
    await put(SCHEDULED);
    await put(state('stopped'));
    await put(state('running'));
    const ENDS_AT = 'Thu, 27 Aug 2026 21:42:38 GMT';
    assert.deepEqual(started(), [
      drain('spot-interruption'),
      drain('rebalance-recommendation'),
      drain('scheduled-change', INSTANCE, { ENDS_AT }),
      drain('scheduled-change', OTHER, { ENDS_AT }),
      drain('instance-stopped'),
      ['undo', { INSTANCE_ID: INSTANCE, ONLY_DRAINED: 'true' }],
    ]);
  });

  // An event is delivered at least once: a second task evicts what the first one waits for.
  test('an event that is delivered twice starts one task', async (context) => {
    const { put, started } = await deployed(context);
    await put(INTERRUPTION);
    await put(INTERRUPTION);
    assert.equal(started().length, 1);
  });

  // Nobody asked for it: every Spot instance of the account starts a task.
  test('what is ignored has no rule, and a stack that ignores everything is refused', async (context) => {
    assert.throws(() => importing('ec2-events'), TemplateValidationError);
    for (const [parameter, value] of Object.entries(ALL)) {
      const rules = [...importing('ec2-events', { [parameter]: value }).resources].filter(
        ([, { type }]) => type === 'AWS::Events::Rule',
      );
      assert.equal(rules.length, parameter === 'StoppedInstances' ? 2 : 1, parameter);
    }
    const { put, started } = await deployed(context);
    for (const other of ['pending', 'stopping', 'shutting-down', 'terminated']) await put(state(other));
    await put({
      ...SCHEDULED,
      detail: { service: 'RDS', eventTypeCategory: 'scheduledChange', statusCode: 'upcoming' },
    });
    await put({ ...SCHEDULED, detail: { service: 'EC2', eventTypeCategory: 'issue', statusCode: 'open' } });
    for (const not of [
      { statusCode: 'closed' },
      // us-west-2 gets the events of other regions, too. https://docs.aws.amazon.com/health/latest/ug/choosing-a-region.html
      { eventRegion: 'us-east-1' },
      { affectedEntities: [{ entityValue: 'vol-0123456789abcdef0' }] },
    ])
      await put({ ...SCHEDULED, detail: { ...mapAt(SCHEDULED, 'detail'), ...not } });
    assert.deepEqual(started(), []);
  });

  test('a rebalance recommendation only cordons, if that is asked for', async (context) => {
    const { put, started } = await deployed(context, { RebalanceRecommendations: 'cordon' });
    await put(REBALANCE);
    assert.deepEqual(started(), [
      ['cordon', { INSTANCE_ID: INSTANCE, REASON: 'rebalance-recommendation', NOTICE_TIME: time }],
    ]);
  });

  // EventBridge does not retry what ECS refuses for capacity, and a Spot interruption has two minutes.
  // https://repost.aws/knowledge-center/ecs-fargate-runtask-capacity
  test('a refused task is tried again every ten seconds, and one that is refused for minutes is a dead letter', async (context) => {
    // Slower: the workflow ends after five minutes, and a slow machine must not use up the last of them.
    const { aws, put, started } = await deployed(context, ALL, 20);
    aws.refuseTasks({ reason: 'Capacity is unavailable at this time' }, { times: 3 });
    const [end] = await put(INTERRUPTION);
    assert.deepEqual([end?.status, started().length, aws.queueMessages], ['SUCCEEDED', 1, []]);
    aws.refuseTasks({ reason: 'Capacity is unavailable at this time' });
    const ends = await put(SCHEDULED);
    assert.equal(ends.at(-1)?.status, 'FAILED');
    const letters = aws.queueMessages.map(({ queueUrl, body }) => [queueUrl.split('/').at(-1), JSON.parse(body)]);
    assert.deepEqual(
      letters.map(([queue, { instance, why }]) => [queue, instance, why[0].Reason]),
      [INSTANCE, OTHER].map((one) => ['node-drainer-DeadLetterQueue', one, 'Capacity is unavailable at this time']),
    );
  });
});
