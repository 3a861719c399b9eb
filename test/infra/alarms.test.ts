import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Failure } from '../../app/lib/errors.ts';
import { withHeartbeats } from '../../app/lifecycle/heartbeat.ts';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, listAt, textAt } from '../simulator/aws/json.ts';
import { FakeHook } from '../support/hooks.ts';
import { testContext } from '../support/test-context.ts';
import { drainer, EKS, VARIANTS } from './templates.ts';

describe('alarms', () => {
  // After the first message the alarm stays in ALARM until the queue is emptied, and hides the next lost events.
  test('every message sent to the dead-letter queue raises the alarm, even if the queue is not empty', () => {
    const alarm = resourceOf(drainer(), 'LostEventAlarm').properties;
    assert.deepEqual(listAt(alarm, 'Dimensions'), [{ Name: 'QueueName', Value: 'node-drainer-DeadLetterQueue' }]);
    assert.deepEqual(
      ['Namespace', 'MetricName', 'Statistic', 'Period', 'ComparisonOperator', 'Threshold', 'TreatMissingData'].map(
        (one) => textAt(alarm, one),
      ),
      ['AWS/SQS', 'NumberOfMessagesSent', 'Sum', '300', 'GreaterThanThreshold', '0', 'notBreaching'],
    );
    // SQS may deliver the metrics of an inactive queue up to 15 minutes late.
    const [periods = 0, enough] = ['EvaluationPeriods', 'DatapointsToAlarm'].map((one) => Number(textAt(alarm, one)));
    assert.ok(periods * 300 > 15 * 60);
    assert.equal(enough, 1);
    const watched = [...drainer().resources.values()].map(({ properties }) => at(properties, 'MetricName'));
    assert.ok(
      !watched.includes('ApproximateNumberOfMessagesVisible'),
      'a metric of the queue length would hide the next message',
    );
  });

  // The hook times out during a drain without an alarm; or throttling by Auto Scaling raises an alarm every night.
  test('heartbeats that fail for minutes raise the alarm, and heartbeats that fail for half a minute do not', async () => {
    const { properties } = resourceOf(drainer(), 'HeartbeatAlarm');
    const [period = 0, threshold = 0] = ['Period', 'Threshold'].map((one) => Number(textAt(properties, one)));
    assert.deepEqual(
      ['MetricName', 'Statistic', 'ComparisonOperator', 'EvaluationPeriods', 'Period'].map((one) =>
        textAt(properties, one),
      ),
      ['HeartbeatsFailed', 'Sum', 'GreaterThanThreshold', '1', '300'],
    );
    const failedIn = async (seconds: number, fault: () => Promise<never>) => {
      const { clock, recorder, context } = testContext();
      const hook = new FakeHook(clock);
      hook.fault = () => (clock.elapsed < seconds * 1_000 ? fault() : undefined);
      await clock.until(
        withHeartbeats([hook], context, ({ signal }) => clock.sleep(period * 1_000, signal)),
        2 * period * 1_000,
      );
      return recorder.of('heartbeat failed').length;
    };
    const denied = () => Promise.reject(new Failure('access denied'));
    const unanswered = () => new Promise<never>(() => undefined);
    assert.ok((await failedIn(period, denied)) > 2 * threshold, 'denied');
    assert.ok((await failedIn(period, unanswered)) > threshold, 'each heartbeat times out after nine seconds');
    assert.ok((await failedIn(30, denied)) <= threshold, 'ends within half a minute');
    assert.match(
      textAt(properties, 'AlarmDescription'),
      /times out.*terminated with its pods.*autoscaling:RecordLifecycleActionHeartbeat.*AutoScalingGroupTag/s,
    );
  });

  // An alarm may not publish to the topic, or the topic has no subscription.
  test('every alarm may publish to the topic, and AlarmEmail subscribes to it', () => {
    const topic = drainer().outputs['AlarmTopicArn'] ?? '';
    const rule = resourceOf(drainer(), 'FailedTaskRule').properties;
    assert.equal(textAt(listAt(rule, 'Targets')[0], 'Arn'), topic);
    for (const [what, parameters] of VARIANTS) {
      const stack = drainer(parameters);
      const alarms = [...stack.resources].filter(([, { type }]) => type === 'AWS::CloudWatch::Alarm');
      assert.equal(alarms.length, parameters['SweepMinutes'] === '0' ? 4 : 5, what);
      for (const [id, { properties }] of alarms) {
        assert.deepEqual(listAt(properties, 'AlarmActions'), [topic], id);
        assert.match(textAt(properties, 'AlarmDescription'), /^node-drainer: .*\.$/s, id);
      }
      const statements = listAt(resourceOf(stack, 'AlarmTopicPolicy').properties, 'PolicyDocument', 'Statement');
      const [events, cloudWatch, ...others] = statements;
      assert.equal(others.length, 0);
      // EventBridge does not support conditions in the policy of an SNS topic.
      assert.deepEqual(
        [at(events, 'Principal', 'Service'), at(events, 'Condition')],
        ['events.amazonaws.com', undefined],
      );
      assert.equal(at(cloudWatch, 'Principal', 'Service'), 'cloudwatch.amazonaws.com');
      const allowed = listAt(cloudWatch, 'Condition', 'ArnEquals', 'aws:SourceArn').map(String);
      const arns = alarms.map(([id]) => `arn:aws:cloudwatch:eu-west-1:111122223333:alarm:node-drainer-${id}`);
      assert.deepEqual(allowed.sort(), arns.sort(), what);
    }
    const stack = drainer();
    assert.ok(!stack.resources.has('AlarmSubscription'));
    const subscribed = drainer({ ...EKS, AlarmEmail: 'ops@example.com' });
    assert.deepEqual(resourceOf(subscribed, 'AlarmSubscription').properties, {
      TopicArn: topic,
      Protocol: 'email',
      Endpoint: 'ops@example.com',
    });
  });
});
