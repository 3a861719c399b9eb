import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { awsError } from '../../simulator/aws/protocol/errors.ts';
import type { AwsOptions } from '../../simulator/aws/simulator.ts';
import { second, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';
import { ruleStack } from './stacks.ts';

// A simulator that loses what AWS keeps proves nothing about what is done with it.
test('what a rule cannot deliver is a dead letter, and other rules still get the event', async (t) => {
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

/** A simulator whose retries follow a clock that is moved by hand. */
async function retried(t: TestContext, options: AwsOptions = {}, more = '') {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now, timers: clock.timers, ...options });
  aws.deploy(ruleStack(more));
  const put = () => aws.putEvent({ source: 'test', detail: { n: 1 } });
  return { aws, clock, put };
}

// A drainer that is only ever tested at the first delivery has never been started late.
test('a throttled target is tried again, later each time, until it takes the event', async (t) => {
  const { aws, clock, put } = await retried(t);
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

// A dead letter that comes too early is an alarm for nothing; one that never comes, a node that nobody drains.
test('a delivery is given up at the age and at the number of retries that its policy sets', async (t) => {
  const isRun = ({ path }: { path: string }) => path === 'ecs:RunTask';
  const queue = 'DeadLetterConfig: { Arn: !GetAtt Queue.Arn }';
  const old = await retried(t, {}, `${queue}\n          RetryPolicy: { MaximumEventAgeInSeconds: 900 }`);
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

  const quick = await retried(t, { retryTimeScale: 900 }, 'RetryPolicy: { MaximumEventAgeInSeconds: 900 }');
  quick.aws.faults.add({ when: isRun, fault: { kind: 'throttle' } });
  quick.put();
  quick.clock.pass(second);
  assert.equal(quick.aws.deadLetters[0]?.exhausted, 'MaximumEventAgeInSeconds', '15 minutes in a second');

  const few = await retried(t, { retryTimeScale: 60 }, 'RetryPolicy: { MaximumRetryAttempts: 2 }');
  const rule = few.aws.faults.add({ when: isRun, fault: { kind: 'reset' } });
  few.put();
  few.clock.pass(50);
  assert.deepEqual([rule.hits(), few.aws.deadLetters.length], [3, 1], '3 s of retries in 50 ms');
  const [given] = few.aws.deadLetters;
  assert.deepEqual([given?.retries, given?.exhausted, given?.queue], [2, 'MaximumRetryAttempts', undefined]);
});

// A retry after an answer that got lost is how one event starts two tasks.
test('an answer that is lost on the way to EventBridge starts a second task', async (t) => {
  const { aws, clock, put } = await retried(t);
  const isEventBridge = ({ headers }: { headers: Record<string, string> }) =>
    headers['user-agent'] === 'events.amazonaws.com';
  aws.faults.add({ when: isEventBridge, times: 1, fault: { kind: 'after', fault: 'reset' } });
  put();
  assert.equal(aws.tasks.length, 1);
  clock.pass(1000);
  assert.deepEqual([aws.tasks.length, aws.deadLetters], [2, []]);
});

// An outage in front of the simulator is one between its clients and AWS; within AWS everything goes on.
test('an outage of the endpoint does not keep EventBridge from ECS', async (t) => {
  const { aws, put } = await retried(t);
  aws.faults.outage();
  put();
  assert.equal(aws.tasks.length, 1);
});

// What no retry can mend is known at once, or the alarm comes a day late.
test('an error of the call itself is a dead letter at once', async (t) => {
  const { aws, put } = await retried(t);
  const denied = awsError('ecs', 'AccessDenied');
  aws.faults.add({ when: ({ path }) => path === 'ecs:RunTask', fault: denied });
  put();
  assert.deepEqual(
    aws.deadLetters.map(({ retries, exhausted }) => [retries, exhausted]),
    [[0, undefined]],
  );
  assert.match(aws.deadLetters[0]?.reason ?? '', /not authorized/);
});

// AWS leaves open what becomes of a task that ECS did not place; a drainer that bears one outcome need not bear another.
test('a task that is not placed is a dead letter, or retried, or forgotten, as one chooses', async (t) => {
  const outcomes: number[][] = [];
  for (const afterRefusal of ['dead-letter', 'retry', 'drop'] as const) {
    const { aws, clock, put } = await retried(t, { afterRefusal });
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

// A rule that somebody switched off must not seem to work.
test('a disabled rule gets no events', async (t) => {
  const aws = await started(t);
  aws.deploy(ruleStack().replace('EventPattern', 'State: DISABLED\n      EventPattern'));
  aws.putEvent({ source: 'test', detail: { n: 1 } });
  assert.deepEqual([aws.tasks, aws.deadLetters], [[], []]);
});
