import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Failure } from '../../app/lib/errors.ts';
import { withHeartbeats } from '../../app/lifecycle/heartbeat.ts';
import { TemplateValidationError } from '../simulator/aws/cloudformation/parameters.ts';
import { resourceOf, type Stack } from '../simulator/aws/cloudformation/stack.ts';
import { alarmChanges, type Sample } from '../simulator/aws/cloudwatch/alarm.ts';
import { at, listAt, mapAt, textAt, type ValueMap } from '../simulator/aws/json.ts';
import { FakeHook } from '../support/hooks.ts';
import { testContext } from '../support/test-context.ts';
import { importing } from './templates.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const alarmNamed = (id: string): ValueMap => resourceOf(importing('alarms'), id).properties;
const alarmsOf = (stack: Stack) => [...stack.resources].filter(([, { type }]) => type === 'AWS::CloudWatch::Alarm');

/** Minutes until each state, since the beginning. */
function changesOf(id: string, samples: readonly Sample[], minutes: number): (readonly [number, string])[] {
  const changes = alarmChanges(alarmNamed(id), samples, { from: HOUR * 24, to: HOUR * 24 + minutes * MINUTE });
  return changes.map(({ at: time, state }) => [(time - HOUR * 24) / MINUTE, state]);
}

const sample = (minute: number, value = 1, delay = 1): Sample => ({
  at: HOUR * 24 + minute * MINUTE,
  value,
  visibleAt: HOUR * 24 + (minute + delay) * MINUTE,
});
const each = (every: number, to: number, from = 0, value = 1) =>
  Array.from({ length: Math.floor((to - from) / every) }, (_, n) => sample(from + n * every, value));

describe('alarms', () => {
  // After the first message the alarm stays in ALARM until the queue is emptied, and hides the next lost events.
  test('a lost event raises the alarm, however late its metric is, and the alarm returns by itself', () => {
    const alarm = alarmNamed('LostEventAlarm');
    assert.deepEqual(listAt(alarm, 'Dimensions'), [{ Name: 'QueueName', Value: 'node-drainer-DeadLetterQueue' }]);
    assert.equal(textAt(alarm, 'MetricName'), 'NumberOfMessagesSent');
    // SQS may deliver the metrics of an inactive queue up to 15 minutes late.
    for (const delay of [1, 15]) {
      const changes = changesOf('LostEventAlarm', [sample(7, 1, delay)], 90);
      assert.deepEqual(
        changes.map(([, state]) => state),
        ['OK', 'ALARM', 'OK'],
      );
      const [, [fired] = [0], [returned] = [0]] = changes;
      assert.ok(fired - 7 <= 20 && returned - 7 <= 40, `${changes.join(' ')}`);
    }
    const twice = changesOf('LostEventAlarm', [sample(7), sample(60)], 120);
    assert.deepEqual(
      twice.map(([, state]) => state),
      ['OK', 'ALARM', 'OK', 'ALARM', 'OK'],
    );
  });

  // The probe is broken, and nobody knows until an event is lost; or the alarm goes off each night.
  test('a probe without success for minutes raises the alarm, and the alarm returns after the next successes', () => {
    const alarm = alarmNamed('ProbeAlarm');
    assert.deepEqual(
      ['Namespace', 'MetricName', 'TreatMissingData'].map((one) => textAt(alarm, one)),
      ['AWS/States', 'ExecutionsSucceeded', 'breaching'],
    );
    assert.deepEqual(listAt(alarm, 'Dimensions'), [
      { Name: 'StateMachineArn', Value: 'arn:aws:states:eu-west-1:111122223333:stateMachine:node-drainer-Look' },
    ]);
    const before = each(1, 60, -60);
    const stopped = changesOf('ProbeAlarm', [...before, ...each(1, 100, 80)], 100);
    assert.deepEqual(
      stopped.map(([, state]) => state),
      ['OK', 'ALARM', 'OK'],
    );
    const [, [fired] = [0], [returned] = [0]] = stopped;
    assert.ok(fired > 60 + 4 && fired <= 60 + 10, `fires after ${fired - 60} minutes`);
    assert.ok(returned >= 80 && returned <= 80 + 10, `returns after ${returned - 80} minutes`);
    // Two probes fail for capacity.
    const gaps = each(1, 100, -60).filter(({ at: time }) => ![10, 11].includes((time - HOUR * 24) / MINUTE));
    assert.deepEqual(changesOf('ProbeAlarm', gaps, 60), [[0, 'OK']]);
    assert.deepEqual(changesOf('ProbeAlarm', [], 60), [[0, 'ALARM']], 'a new stack, until the first probe');
  });

  // The probe succeeds, but may start no task; or one refused task wakes somebody at night.
  test('starts that fail for minutes raise the alarm, and one that fails does not', () => {
    const alarm = alarmNamed('StarterAlarm');
    assert.equal(textAt(alarm, 'MetricName'), 'ExecutionsFailed');
    assert.deepEqual(listAt(alarm, 'Dimensions'), [
      { Name: 'StateMachineArn', Value: 'arn:aws:states:eu-west-1:111122223333:stateMachine:node-drainer-Starter' },
    ]);
    assert.deepEqual(changesOf('StarterAlarm', [sample(21), sample(22)], 120), [[0, 'OK']]);
    for (const begin of [20, 21, 22, 23, 24]) {
      const changes = changesOf('StarterAlarm', each(1, 60, begin), 120);
      assert.deepEqual(
        changes.map(([, state]) => state),
        ['OK', 'ALARM', 'OK'],
      );
      const [, [fired] = [0], [returned] = [0]] = changes;
      assert.ok(fired - begin > 0 && fired - begin <= 10, `fires after ${fired - begin} minutes`);
      assert.ok(returned - 60 >= 5 && returned - 60 <= 20, `returns after ${returned - 60} minutes`);
    }
  });

  // One slow start raises an alarm, or sweeps are missing for a week before it goes off.
  test('two missing sweeps raise the alarm, and the next sweep ends it', () => {
    const changes = changesOf('SweepAlarm', [sample(-6 * 60), sample(0), sample(40 * 60)], 48 * 60);
    assert.deepEqual(
      changes.map(([, state]) => state),
      ['OK', 'ALARM', 'OK'],
    );
    const [, [fired] = [0]] = changes;
    assert.ok(fired > 12 * 60 && fired <= 18 * 60, `${fired / 60} hours after the last sweep`);
    assert.deepEqual(changesOf('SweepAlarm', each(6 * 60, 96 * 60, -24 * 60, 0), 72 * 60), [[0, 'OK']]);
    for (const SweepHours of ['2', '6', '24']) {
      const { properties } = resourceOf(importing('alarms', { SweepHours }), 'SweepAlarm');
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
      const seconds = Number(textAt(properties, 'Period')) * Number(textAt(properties, 'EvaluationPeriods'));
      assert.ok(seconds <= 604_800 && seconds === 2 * Number(SweepHours) * 3600);
    }
    assert.ok(!importing('alarms', { SweepHours: '0' }).resources.has('SweepAlarm'));
  });

  // The alarm flaps with each sweep: it is OK as soon as data is missing, and a message is sent each six hours.
  test('what a sweep counts keeps its alarm until a sweep counts none', () => {
    for (const id of ['GroupWithoutHookAlarm', 'RetainedInstanceAlarm']) {
      const samples = [sample(3, 2), sample(363, 2), sample(723, 0)];
      const changes = changesOf(id, samples, 900);
      assert.deepEqual(
        changes.map(([, state]) => state),
        ['INSUFFICIENT_DATA', 'ALARM', 'OK'],
        id,
      );
      const [, [fired] = [0], [returned] = [0]] = changes;
      assert.ok(fired <= 3 + 10 && returned >= 723 && returned <= 723 + 20, `${changes.join(' ')}`);
    }
  });

  // A hundred drains fail, and a hundred messages hide the hundred-and-first.
  test('the same fault on a hundred instances is told once', () => {
    for (const id of ['FailedDrainAlarm', 'DeadTaskAlarm', 'RefusedTaskAlarm', 'MissingNodeAlarm']) {
      const many = Array.from({ length: 100 }, (_, n) => sample(20 + n / 20));
      const states = changesOf(id, many, 120).map(([, state]) => state);
      assert.deepEqual(states, ['OK', 'ALARM', 'OK'], id);
    }
  });

  // A budget blocks a drain for a day, and the alarm says so at the end of the lifecycle action.
  test('a drain that waits for StuckDrainMinutes raises the alarm, until it has ended', () => {
    // A drain writes its age once every five minutes.
    const ages = Array.from({ length: 30 }, (_, n) => sample(10 + n * 5, 10 + n * 5));
    const changes = changesOf('StuckDrainAlarm', ages, 240);
    assert.deepEqual(
      changes.map(([, state]) => state),
      ['OK', 'ALARM', 'OK'],
    );
    const [, [fired] = [0], [returned] = [0]] = changes;
    assert.ok(fired >= 60 && fired <= 75 && returned - 155 <= 40, `${changes.join(' ')}`);
  });

  // The hook times out during a drain without an alarm; or throttling by Auto Scaling raises an alarm every night.
  test('heartbeats that fail for minutes raise the alarm, and heartbeats that fail for half a minute do not', async () => {
    const properties = alarmNamed('HeartbeatAlarm');
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
  });

  // The rule fails, starts nothing and sends no dead letter, and no alarm tells.
  test('the alarm on the rule for lifecycle events adds up what it could not deliver', () => {
    const [expression, ...metrics] = listAt(alarmNamed('RulesAlarm'), 'Metrics');
    assert.deepEqual(
      metrics.map((metric) => [
        textAt(metric, 'MetricStat', 'Metric', 'MetricName'),
        textAt(metric, 'MetricStat', 'Metric', 'Dimensions', 0, 'Value'),
      ]),
      ['FailedInvocations', 'InvocationsFailedToBeSentToDlq'].map((name) => [name, 'node-drainer-TerminationRule']),
    );
    for (const metric of metrics)
      assert.ok(textAt(expression, 'Expression').includes(`FILL(${textAt(metric, 'Id')}, 0)`));
  });

  // An alarm may not publish to the topic, or nobody learns that it is over, or what it means.
  test('every alarm tells when it begins and ends, what it means, how long it takes, and where its runbook is', () => {
    const RunbookUrl = 'https://example.com/operations.md';
    const stack = importing('alarms', { RunbookUrl, AlarmEmail: 'ops@example.com' });
    const topic = 'arn:aws:sns:eu-west-1:111122223333:alarms-Topic';
    const names = alarmsOf(stack).map(([id, { properties }]) => {
      assert.deepEqual([listAt(properties, 'AlarmActions'), listAt(properties, 'OKActions')], [[topic], [topic]], id);
      const text = textAt(properties, 'AlarmDescription');
      assert.ok(text.length <= 1024, `${id}: the limit of CloudWatch`);
      const [, name] =
        /^node-drainer: .* Fires .* returns .*\. https:\/\/example\.com\/operations\.md#([a-z-]+)$/.exec(text) ?? [];
      assert.ok(name, `${id}: ${text}`);
      return name;
    });
    assert.equal(new Set(names).size, 15, 'a runbook for each alarm');
    const [statement, ...others] = listAt(resourceOf(stack, 'TopicPolicy').properties, 'PolicyDocument', 'Statement');
    assert.equal(others.length, 0);
    assert.deepEqual(at(statement, 'Principal'), { Service: 'cloudwatch.amazonaws.com' });
    assert.deepEqual(at(statement, 'Condition'), {
      ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*' },
    });
    assert.equal(textAt(resourceOf(stack, 'Subscription').properties, 'Endpoint'), 'ops@example.com');
  });

  // A second topic without subscribers receives the alarms.
  test('with an existing topic, no topic is created, and its policy is left alone', () => {
    const AlarmTopicArn = 'arn:aws:sns:eu-west-1:111122223333:ops';
    const stack = importing('alarms', { AlarmTopicArn });
    assert.deepEqual(
      [...stack.resources.values()].filter(({ type }) => type.startsWith('AWS::SNS::')),
      [],
    );
    for (const [, { properties }] of alarmsOf(stack))
      assert.deepEqual(listAt(properties, 'OKActions'), [AlarmTopicArn]);
    assert.throws(() => importing('alarms', { AlarmTopicArn, AlarmEmail: 'a@example.com' }), TemplateValidationError);
    const TopicKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const encrypted = importing('alarms', { TopicKeyArn });
    assert.deepEqual(mapAt(resourceOf(encrypted, 'Topic').properties), { KmsMasterKeyId: TopicKeyArn });
  });
});
