import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchedTask } from '../../simulator/aws/ecs/task.ts';
import { call, started } from './account.ts';
import { ecs, fargateTask, runTask } from './ecs-calls.ts';

const quota = "You've reached the limit on the number of vCPUs you can run concurrently";

// A sweep that starts a hundred tasks at once reaches this limit first.
test('RunTask calls beyond the rate are throttled until the bucket refills', async (t) => {
  let ahead = 0;
  const aws = await started(t, { now: () => Date.now() + ahead });
  aws.limitRunTask({ perSecond: 0.5, burst: 2 });
  assert.deepEqual(
    [await runTask(aws), await runTask(aws), await runTask(aws)],
    ['placed 1', 'placed 1', '400 ThrottlingException'],
  );
  const { body } = await call(aws, ecs('RunTask', fargateTask));
  assert.equal(JSON.parse(body).message, 'Rate exceeded');
  ahead = 2000;
  assert.equal(await runTask(aws), 'placed 1');
  assert.equal(await runTask(aws), '400 ThrottlingException');
  aws.limitRunTask(undefined);
  assert.equal(await runTask(aws), 'placed 1');
});

// If stopped tasks did not free the quota, no test could check recovery.
test('beyond the task quota, RunTask returns 200 with a failure for each task', async (t) => {
  const aws = await started(t);
  const launched: LaunchedTask[] = [];
  aws.onRunTask((task) => launched.push(task));
  aws.limitConcurrentTasks(3);
  const { body } = await call(aws, ecs('RunTask', { ...fargateTask, count: 4 }));
  const { tasks, failures } = JSON.parse(body);
  assert.deepEqual([tasks.length, failures], [3, [{ reason: quota }]]);
  assert.equal(await runTask(aws), quota);
  launched[0]?.stopped(0);
  assert.deepEqual([await runTask(aws), await runTask(aws)], ['placed 1', quota]);
  aws.limitConcurrentTasks(undefined);
  assert.equal(await runTask(aws), 'placed 1');
});

// Capacity is often partial: code that handles all or nothing can still fail.
test('every second task can be refused, a limited number of times', async (t) => {
  const aws = await started(t);
  aws.refuseTasks({ reason: 'Capacity is unavailable at this time' }, { every: 2, times: 2 });
  const answers: string[] = [];
  while (answers.length < 6) answers.push(await runTask(aws));
  const refused = 'Capacity is unavailable at this time';
  assert.deepEqual(answers, ['placed 1', refused, 'placed 1', refused, 'placed 1', 'placed 1']);
});
