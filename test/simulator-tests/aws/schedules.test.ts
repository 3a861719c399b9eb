import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchedTask } from '../../simulator/aws/ecs/task.ts';
import { started } from './account.ts';
import { fakeClock } from './fake-clock.ts';
import { scheduleStack } from './stacks.ts';

const everyFive = "ScheduleExpression: 'rate(5 minutes)'";

// A sweep must be tested with the time format of EventBridge Scheduler.
test('a schedule starts its task with its scheduled time in whole seconds, and fires only on request', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now, timers: clock.timers });
  const launched: LaunchedTask[] = [];
  aws.onRunTask((task) => launched.push(task));
  aws.deploy(scheduleStack({ Sweep: everyFive }));
  clock.pass(3_600_000);
  assert.equal(launched.length, 0);
  const answer = aws.runSchedule('Sweep', new Date('2026-01-02T03:05:00.678Z'));
  assert.ok('taskArn' in answer);
  aws.runSchedule('node-drainer-Sweep');
  const [first, second] = launched;
  assert.ok(first && second);
  assert.deepEqual([first.command, first.startedBy], [['sweep'], 'chronos-schedule/node-drainer-Sweep']);
  assert.equal(first.overrides['AT'], '2026-01-02T03:05:00Z');
  assert.equal(second.overrides['AT'], '2026-01-02T04:04:05Z', "the time of the simulator's clock");
  assert.match(first.overrides['RUN'] ?? '', /^[0-9a-f]{16}$/);
  assert.notEqual(first.overrides['RUN'], second.overrides['RUN']);
  const arn = 'arn:aws:scheduler:eu-central-1:123456789012:schedule/default/node-drainer-Sweep';
  assert.equal(first.overrides['ARN'], arn);
});

// A sweep that was never started must not look like one that found nothing to do.
test('a schedule returns the refusal of its task, or the error of the call', async (t) => {
  const aws = await started(t);
  aws.deploy(scheduleStack({ Sweep: everyFive }));
  aws.limitConcurrentTasks(0);
  assert.deepEqual(aws.runSchedule(), {
    reason: "You've reached the limit on the number of vCPUs you can run concurrently",
  });
  aws.limitRunTask({ perSecond: 1, burst: 0 });
  assert.deepEqual(aws.runSchedule(), { reason: 'ThrottlingException: Rate exceeded' });
});

// A test with a disabled or wrong schedule would wait for a sweep that never starts.
test('a disabled, unknown or ambiguous schedule does not run', async (t) => {
  const aws = await started(t);
  assert.throws(() => aws.runSchedule(), /named \(any\); there are: none/);
  aws.deploy(scheduleStack({ A: everyFive, B: `Name: second\n      State: DISABLED\n      ${everyFive}` }));
  assert.throws(() => aws.runSchedule(), /there are: node-drainer-A, second/);
  assert.throws(() => aws.runSchedule('C'), /named C/);
  assert.throws(() => aws.runSchedule('second'), /second is DISABLED/);
  assert.ok('taskArn' in aws.runSchedule('A'));
});

// A sweep compares its scheduled time with the previous one, so compressed time must advance it.
test('started schedules advance by their own rate in compressed time, until they are stopped', async (t) => {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now, timers: clock.timers });
  aws.deploy(
    scheduleStack({
      Often: everyFive,
      Rarely: "ScheduleExpression: 'rate(1 hour)'",
      Never: `State: DISABLED\n      ${everyFive}`,
    }),
  );
  const runs: [schedule: string, at: string][] = [];
  const schedules = aws.startSchedules({
    everyMs: 50,
    onRun: ({ schedule, scheduledAt }) => runs.push([schedule, new Date(scheduledAt).toISOString().slice(11, 19)]),
  });
  clock.pass(100);
  assert.deepEqual(runs, [
    ['node-drainer-Often', '03:09:05'],
    ['node-drainer-Rarely', '04:04:05'],
    ['node-drainer-Often', '03:14:05'],
    ['node-drainer-Rarely', '05:04:05'],
  ]);
  assert.equal(aws.tasks.length, 4);
  schedules.stop();
  clock.pass(1000);
  assert.equal(runs.length, 4);
});

// An invalid schedule that the simulator accepts is found only at deployment.
test('an invalid schedule is refused at deployment', async (t) => {
  const aws = await started(t);
  for (const expression of ['rate(0 minutes)', 'rate(5)', 'cron(0 12 * * ? *)', 'every 5 minutes']) {
    const stack = scheduleStack({ A: `ScheduleExpression: '${expression}'` });
    assert.throws(() => aws.deploy(stack), /is not a rate\(…\)/, expression);
  }
  const whole = scheduleStack({ A: everyFive });
  assert.throws(() => aws.deploy(whole.replace(/FlexibleTimeWindow.*/, '')), /FlexibleTimeWindow.Mode/);
  assert.throws(() => aws.deploy(whole.replace(/RoleArn.*/, '')), /RoleArn/);
  aws.deploy(whole.replaceAll('"value":"<aws', '"value":<aws'));
  assert.throws(() => aws.runSchedule(), /is not JSON/);
});
