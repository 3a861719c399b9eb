import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Failure } from '../../app/failure.ts';
import { whileBeating } from '../../app/lifecycle.ts';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, listAt, mapAt, textAt, type Value, type ValueMap } from '../simulator/aws/cloudformation/value.ts';
import { matches } from '../simulator/aws/event-pattern.ts';
import { inputTransformer, transformed } from '../simulator/aws/input-transformer.ts';
import { FakeHook } from '../support/hooks.ts';
import { surroundings } from '../support/surroundings.ts';
import { drainer, EKS, VARIANTS } from './templates.ts';

const ecs = 'arn:aws:ecs:eu-west-1:111122223333';

/** A task that stopped, as ECS tells of it. */
function stopped(detail: ValueMap): ValueMap {
  return {
    source: 'aws.ecs',
    'detail-type': 'ECS Task State Change',
    detail: {
      clusterArn: `${ecs}:cluster/node-drainer-Cluster`,
      taskDefinitionArn: `${ecs}:task-definition/node-drainer:7`,
      taskArn: `${ecs}:task/node-drainer-Cluster/0123456789abcdef0123456789abcdef`,
      group: 'family:node-drainer',
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      containers: [{ name: 'drainer', exitCode: 137 }],
      ...detail,
    },
  };
}

const exited = (exitCode: number, more: ValueMap = {}) =>
  stopped({ containers: [{ name: 'drainer', exitCode }], ...more });

describe('what wakes a human', () => {
  const rule = resourceOf(drainer(), 'FailedTaskRule').properties;
  const alarms = (event: Value) => matches(mapAt(rule, 'EventPattern'), event);

  test('a drain that died, or never started, does', () => {
    // Otherwise: an instance waits for its hook's timeout, and its pods are killed with it.
    for (const [what, event] of Object.entries({
      'bad configuration': exited(64),
      'out of memory': exited(137),
      'a stop by Spot, after which no successor started': exited(143, { stopCode: 'SpotInterruption' }),
      'a retirement, after which no successor started': exited(143, { stopCode: 'TerminationNotice' }),
      'an image that is not there': stopped({ stopCode: 'TaskFailedToStart', containers: [{ name: 'drainer' }] }),
      'an older revision': exited(137, { taskDefinitionArn: `${ecs}:task-definition/node-drainer:1` }),
    })) {
      assert.ok(alarms(event), what);
    }
  });

  test('a drain that ended as it should, or that a person ended, does not', () => {
    // Otherwise: the alarm is muted within a week.
    for (const [what, event] of Object.entries({
      success: exited(0),
      'a stop by Spot, after which a successor goes on': exited(0, { stopCode: 'SpotInterruption' }),
      'a task that a person stopped': exited(143, { stopCode: 'UserInitiated' }),
      'a task that still runs': exited(137, { lastStatus: 'RUNNING' }),
      "a container of GuardDuty's beside it": stopped({
        containers: [
          { name: 'aws-guardduty-agent-x', exitCode: 143 },
          { name: 'drainer', exitCode: 0 },
        ],
      }),
    })) {
      assert.ok(!alarms(event), what);
    }
  });

  test('what the worker counted itself, and what befalls a sweep, is told by the alarms on metrics', () => {
    // Otherwise: every failure is two mails; and a broken sweep one every five minutes, until nobody reads them.
    for (const [what, event] of Object.entries({
      'a drain that failed': exited(1),
      'an action that ended first': exited(3),
      'a sweep that failed': exited(1, { group: 'sweep' }),
      'a sweep with a bad configuration': exited(64, { group: 'sweep' }),
      'a sweep without an image': stopped({ stopCode: 'TaskFailedToStart', group: 'sweep', containers: [] }),
    })) {
      assert.ok(!alarms(event), what);
    }
    const group = textAt(resourceOf(drainer(), 'SweepSchedule').properties, 'Target', 'EcsParameters', 'Group');
    assert.equal(group, 'sweep');
  });

  test('tasks of other families and clusters do not', () => {
    // Otherwise: whoever shares the ECS cluster wakes us.
    assert.ok(!alarms(exited(137, { taskDefinitionArn: `${ecs}:task-definition/node-drainer-staging:1` })));
    assert.ok(!alarms(exited(137, { clusterArn: `${ecs}:cluster/shared` })));
    const shared = resourceOf(drainer({ ...EKS, EcsCluster: 'shared' }), 'FailedTaskRule').properties;
    assert.ok(matches(mapAt(shared, 'EventPattern'), exited(137, { clusterArn: `${ecs}:cluster/shared` })));
  });

  test('the message says which stack, which task and where its log is, whatever the reason says', () => {
    // Otherwise: a quote in the stopped reason makes it invalid JSON, and the alarm is lost.
    const [target] = listAt(rule, 'Targets');
    const reason = 'CannotPullContainerError: failed to resolve reference "registry/node-drainer:1.0"';
    const event = stopped({ stopCode: 'TaskFailedToStart', stoppedReason: reason });
    const message = String(transformed(inputTransformer(mapAt(target, 'InputTransformer')), event));
    assert.match(
      message,
      /^node-drainer: the drain of a node died or never began, .* until the next sweep starts another/,
    );
    assert.match(message, /task\/node-drainer-Cluster\/0123456789abcdef0123456789abcdef ended with TaskFailedToStart/);
    assert.match(message, /log in node-drainer-LogGroup/);
    const [alone] = listAt(resourceOf(drainer({ ...EKS, SweepMinutes: '0' }), 'FailedTaskRule').properties, 'Targets');
    const lonely = String(transformed(inputTransformer(mapAt(alone, 'InputTransformer')), event));
    assert.match(lonely, /its instance waits until its lifecycle hook times out\./);
  });

  test('each event that arrives in the dead-letter queue does, also when one lies there already', () => {
    // Otherwise: after the first one the alarm stays red until the queue is emptied, and of the next ones nobody hears.
    const alarm = resourceOf(drainer(), 'LostEventAlarm').properties;
    assert.deepEqual(listAt(alarm, 'Dimensions'), [{ Name: 'QueueName', Value: 'node-drainer-DeadLetterQueue' }]);
    assert.deepEqual(
      ['Namespace', 'MetricName', 'Statistic', 'Period', 'ComparisonOperator', 'Threshold', 'TreatMissingData'].map(
        (one) => textAt(alarm, one),
      ),
      ['AWS/SQS', 'NumberOfMessagesSent', 'Sum', '300', 'GreaterThanThreshold', '0', 'notBreaching'],
    );
    // The metrics of a queue that slept may be a quarter of an hour late.
    const [periods = 0, enough] = ['EvaluationPeriods', 'DatapointsToAlarm'].map((one) => Number(textAt(alarm, one)));
    assert.ok(periods * 300 > 15 * 60);
    assert.equal(enough, 1);
    const watched = [...drainer().resources.values()].map(({ properties }) => at(properties, 'MetricName'));
    assert.ok(!watched.includes('ApproximateNumberOfMessagesVisible'), 'what lies in a queue is no news');
  });

  test('heartbeats that are denied for minutes do, and one that is throttled for half a minute does not', async () => {
    // Otherwise: the hook times out under a drain, and nobody hears of it; or a busy Auto Scaling wakes somebody each night.
    const { properties } = resourceOf(drainer(), 'HeartbeatAlarm');
    const [period = 0, threshold = 0] = ['Period', 'Threshold'].map((one) => Number(textAt(properties, one)));
    assert.deepEqual(
      ['MetricName', 'Statistic', 'ComparisonOperator', 'EvaluationPeriods', 'Period'].map((one) =>
        textAt(properties, one),
      ),
      ['HeartbeatsFailed', 'Sum', 'GreaterThanThreshold', '1', '300'],
    );
    const failedIn = async (seconds: number, fault: () => Promise<never>) => {
      const { clock, recorder, context } = surroundings();
      const hook = new FakeHook(clock);
      hook.fault = () => (clock.elapsed < seconds * 1_000 ? fault() : undefined);
      await clock.until(
        whileBeating([hook], (signal) => clock.sleep(period * 1_000, signal), context),
        2 * period * 1_000,
      );
      return recorder.of('beat failed').length;
    };
    const denied = () => Promise.reject(new Failure('access denied'));
    const silent = () => new Promise<never>(() => undefined);
    assert.ok((await failedIn(period, denied)) > 2 * threshold, 'denied');
    assert.ok((await failedIn(period, silent)) > threshold, 'each beat waits nine seconds for its answer');
    assert.ok((await failedIn(30, denied)) <= threshold, 'over in half a minute');
    assert.match(
      textAt(properties, 'AlarmDescription'),
      /times out.*terminated with its pods.*autoscaling:RecordLifecycleActionHeartbeat.*AutoScalingGroupTag/s,
    );
  });

  test('all of them reach the topic, which lets them publish; an e-mail is sent only where there is an address', () => {
    // Otherwise: alarms go off that nobody may hear.
    const topic = drainer().outputs['AlarmTopicArn'] ?? '';
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
      // EventBridge bears no condition in the policy of a topic.
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
