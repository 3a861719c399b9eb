import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { awsError } from '../../simulator/aws/protocol/errors.ts';
import type { AwsOptions } from '../../simulator/aws/simulator.ts';
import { second, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';
import { ruleStack } from './stacks.ts';

// Without dead letters in the simulator, no test can check their handling.
test('an event that a rule cannot deliver is a dead letter, and other rules still receive it', async (t) => {
  const aws = await started(t);
  const rule = (template: string) =>
    `{ Type: AWS::Events::Rule, Properties: { EventPattern: { source: [test] }, Targets: [{ Arn: !Ref Topic, InputTransformer: { InputPathsMap: { text: $.detail.text }, InputTemplate: '${template}' } }] } }`;
  aws.deploy(
    `Resources: { Topic: { Type: AWS::SNS::Topic }, Broken: ${rule('{"a": <text>}')}, Whole: ${rule('"<text>!"')} }`,
  );
  aws.putEvent({ source: 'test', detail: {} });
  assert.deepEqual(
    aws.deadLetters.map(({ rule }) => rule),
    ['node-drainer-Broken'],
  );
  assert.deepEqual(
    aws.notifications.map(({ message }) => message),
    ['!'],
  );
});

const minute = 60 * second;

/** A simulator whose retries follow a fake clock. */
async function withFakeClock(t: TestContext, options: AwsOptions = {}, more = '') {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now, timers: clock.timers, ...options });
  aws.deploy(ruleStack(more));
  const put = () => aws.putEvent({ source: 'test', detail: { n: 1 } });
  return { aws, clock, put };
}

// Without retries, no test can start a drainer late.
test('a throttled target is retried with increasing delays until it accepts the event', async (t) => {
  const { aws, clock, put } = await withFakeClock(t);
  const { hits } = aws.faults.add({
    when: ({ path }) => path === 'ecs:RunTask',
    times: 4,
    fault: { kind: 'throttle' },
  });
  const begin = clock.now();
  const attempts: number[] = [];
  put();
  for (let seen = 0; aws.tasks.length === 0; clock.pass(100)) {
    if (hits() === seen) continue;
    seen = hits();
    attempts.push((clock.now() - begin) / 1000);
  }
  const waits = attempts.map((at, n) => at - (attempts[n - 1] ?? 0));
  for (const [n, most] of [0, 1, 2, 4].entries()) {
    const wait = waits[n] ?? 99;
    assert.ok(wait <= most + 0.2 && wait >= most / 2, `${wait} s before attempt ${n}`);
  }
  assert.deepEqual([aws.tasks.length, aws.deadLetters, aws.waitingEvents], [1, [], 0]);
});

// An early dead letter is a false alarm; a missing one hides a node that is not drained.
test('a delivery ends at the maximum age and number of retries of its policy', async (t) => {
  const isRun = ({ path }: { path: string }) => path === 'ecs:RunTask';
  const queue = 'DeadLetterConfig: { Arn: !GetAtt Queue.Arn }';
  const old = await withFakeClock(t, {}, `${queue}\n          RetryPolicy: { MaximumEventAgeInSeconds: 900 }`);
  old.aws.faults.add({ when: isRun, fault: { kind: 'throttle' } });
  old.put();
  old.clock.pass(15 * minute - 1);
  assert.deepEqual([old.aws.deadLetters, old.aws.waitingEvents], [[], 1]);
  old.clock.pass(1);
  const [letter] = old.aws.deadLetters;
  assert.ok(letter);
  assert.deepEqual(
    [letter.reason, letter.exhausted, letter.queue],
    ['Rate exceeded', 'MaximumEventAgeInSeconds', 'arn:aws:sqs:eu-central-1:123456789012:letters'],
  );
  assert.ok(letter.retries >= 8 && letter.retries <= 11, `${letter.retries} retries`);

  const quick = await withFakeClock(t, { retryTimeScale: 900 }, 'RetryPolicy: { MaximumEventAgeInSeconds: 900 }');
  quick.aws.faults.add({ when: isRun, fault: { kind: 'throttle' } });
  quick.put();
  quick.clock.pass(second);
  assert.equal(quick.aws.deadLetters[0]?.exhausted, 'MaximumEventAgeInSeconds', '15 minutes in a second');

  const few = await withFakeClock(t, { retryTimeScale: 60 }, 'RetryPolicy: { MaximumRetryAttempts: 2 }');
  const rule = few.aws.faults.add({ when: isRun, fault: { kind: 'reset' } });
  few.put();
  few.clock.pass(50);
  assert.deepEqual([rule.hits(), few.aws.deadLetters.length], [3, 1], '3 s of retries in 50 ms');
  const [given] = few.aws.deadLetters;
  assert.deepEqual([given?.retries, given?.exhausted, given?.queue], [2, 'MaximumRetryAttempts', undefined]);
});

// A retry after a lost response is how one event starts two tasks.
test('a lost response to EventBridge starts a second task', async (t) => {
  const { aws, clock, put } = await withFakeClock(t);
  const isEventBridge = ({ headers }: { headers: Record<string, string> }) =>
    headers['user-agent'] === 'events.amazonaws.com';
  aws.faults.add({ when: isEventBridge, times: 1, fault: { kind: 'after', fault: 'reset' } });
  put();
  assert.equal(aws.tasks.length, 1);
  clock.pass(1000);
  assert.deepEqual([aws.tasks.length, aws.deadLetters], [2, []]);
});

// An outage of the endpoint is between clients and AWS; services within AWS still reach each other.
test('an outage of the endpoint does not stop EventBridge from starting tasks', async (t) => {
  const { aws, put } = await withFakeClock(t);
  aws.faults.outage();
  put();
  assert.equal(aws.tasks.length, 1);
});

// If a permanent error were retried, the alarm would come a day late.
test('a permanent error is a dead letter at once', async (t) => {
  const { aws, put } = await withFakeClock(t);
  const denied = awsError('ecs', 'AccessDenied');
  aws.faults.add({ when: ({ path }) => path === 'ecs:RunTask', fault: denied });
  put();
  assert.deepEqual(
    aws.deadLetters.map(({ retries, exhausted }) => [retries, exhausted]),
    [[0, undefined]],
  );
  assert.match(aws.deadLetters[0]?.reason ?? '', /not authorized/);
});

// AWS does not document what happens to the event of a task that ECS did not place, so tests need all outcomes.
test('the event of a task that is not placed is a dead letter, retried or dropped, as configured', async (t) => {
  const outcomes: number[][] = [];
  for (const afterRefusal of ['dead-letter', 'retry', 'drop'] as const) {
    const { aws, clock, put } = await withFakeClock(t, { afterRefusal });
    aws.refuseTasks({ reason: 'RESOURCE:CPU' }, { times: 1 });
    put();
    const atOnce = aws.deadLetters.length;
    clock.pass(1000);
    outcomes.push([atOnce, aws.deadLetters.length, aws.tasks.length]);
  }
  assert.deepEqual(outcomes, [
    [1, 1, 0],
    [0, 0, 1],
    [0, 0, 0],
  ]);
});

// A disabled rule must not seem to work in tests.
test('a disabled rule receives no events', async (t) => {
  const aws = await started(t);
  aws.deploy(ruleStack().replace('EventPattern', 'State: DISABLED\n      EventPattern'));
  aws.putEvent({ source: 'test', detail: { n: 1 } });
  assert.deepEqual([aws.tasks, aws.deadLetters], [[], []]);
});
