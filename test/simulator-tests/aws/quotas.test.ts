import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchedTask } from '../../simulator/aws/ecs/task.ts';
import type { AwsSimulator } from '../../simulator/aws/simulator.ts';
import { call, started } from './account.ts';
import { ecs, fargateTask } from './ecs-calls.ts';

const quota = "You've reached the limit on the number of vCPUs you can run concurrently";

/** `placed`, or why not. */
async function run(aws: AwsSimulator, more: object = {}): Promise<string> {
  const { status, body } = await call(aws, ecs('RunTask', { ...fargateTask, ...more }));
  const { tasks = [], failures = [], __type: code = '' } = JSON.parse(body);
  return status === 200 ? (failures[0]?.reason ?? `placed ${tasks.length}`) : `${status} ${code}`;
}

// A sweep that starts a hundred tasks at once meets this limit first.
test('calls of RunTask beyond the rate are throttled until the bucket fills again', async (t) => {
  let ahead = 0;
  const aws = await started(t, { now: () => Date.now() + ahead });
  aws.limitRunTask({ perSecond: 0.5, burst: 2 });
  assert.deepEqual(
    [await run(aws), await run(aws), await run(aws)],
    ['placed 1', 'placed 1', '400 ThrottlingException'],
  );
  const { body } = await call(aws, ecs('RunTask', fargateTask));
  assert.equal(JSON.parse(body).message, 'Rate exceeded');
  ahead = 2000;
  assert.equal(await run(aws), 'placed 1');
  assert.equal(await run(aws), '400 ThrottlingException');
  aws.limitRunTask(undefined);
  assert.equal(await run(aws), 'placed 1');
});

// A quota that is never freed would make every test of recovery wait in vain.
test('the quota refuses with 200 while so many tasks are alive, task by task', async (t) => {
  const aws = await started(t);
  const launched: LaunchedTask[] = [];
  aws.onRunTask((task) => launched.push(task));
  aws.limitConcurrentTasks(3);
  const { body } = await call(aws, ecs('RunTask', { ...fargateTask, count: 4 }));
  const { tasks, failures } = JSON.parse(body);
  assert.deepEqual([tasks.length, failures], [3, [{ reason: quota }]]);
  assert.equal(await run(aws), quota);
  launched[0]?.stopped(0);
  assert.deepEqual([await run(aws), await run(aws)], ['placed 1', quota]);
  aws.limitConcurrentTasks(undefined);
  assert.equal(await run(aws), 'placed 1');
});

// Capacity is seldom all there or all gone: what copes with either can still fail at half of it.
test('half of the tasks can be refused, for a while', async (t) => {
  const aws = await started(t);
  aws.refuseTasks({ reason: 'Capacity is unavailable at this time' }, { every: 2, times: 2 });
  const answers: string[] = [];
  while (answers.length < 6) answers.push(await run(aws));
  const refused = 'Capacity is unavailable at this time';
  assert.deepEqual(answers, ['placed 1', refused, 'placed 1', refused, 'placed 1', 'placed 1']);
});

// A token that remembers a refusal would turn a lack of capacity into a task that never starts.
test('a client token remembers what was placed, in its cluster, and not what was refused', async (t) => {
  const aws = await started(t);
  const clientToken = 'sweep-1';
  aws.refuseTasks({ reason: 'AGENT' }, { times: 1 });
  assert.deepEqual([await run(aws, { clientToken }), await run(aws, { clientToken })], ['AGENT', 'placed 1']);
  assert.equal(await run(aws, { clientToken }), 'placed 1');
  assert.equal(aws.tasks.length, 1);
  const { body } = await call(aws, ecs('RunTask', { ...fargateTask, clientToken, count: 2 }));
  assert.deepEqual(JSON.parse(body).resourceIds, [aws.tasks[0]?.taskArn]);
  assert.equal(await run(aws, { clientToken, cluster: 'others' }), 'placed 1');
  assert.equal(aws.tasks.length, 2);
  const { startedBy, ...rest } = fargateTask;
  const reordered = await call(aws, ecs('RunTask', { clientToken, startedBy, ...rest }));
  assert.equal(reordered.status, 200, 'the order of members is no difference');
  assert.equal(await run(aws, { clientToken: 'ä' }), '400 InvalidParameterException');
});

// A call that ECS refuses for its form must not start a task in a test.
test('RunTask refuses what contradicts itself, and shows overrides as they were sent', async (t) => {
  const aws = await started(t);
  const invalid = '400 InvalidParameterException';
  const capacityProviderStrategy = [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }];
  assert.equal(await run(aws, { capacityProviderStrategy }), invalid, 'besides a launch type');
  assert.equal(await run(aws, { startedBy: 'x'.repeat(129) }), invalid);
  assert.equal(await run(aws, { startedBy: 'a sweep' }), invalid);
  assert.equal(aws.tasks.length, 0);
  const overrides = {
    containerOverrides: [{ name: 'drainer', command: ['sweep'], environment: [{ name: 'A', value: '1' }] }],
    cpu: '512',
  };
  assert.equal(await run(aws, { overrides, startedBy: 'x'.repeat(128) }), 'placed 1');
  const [task] = aws.tasks;
  assert.ok(task);
  assert.deepEqual([task.command, task.overrides], [['sweep'], { A: '1' }]);
  const { body } = await call(aws, ecs('DescribeTasks', { cluster: 'drainers', tasks: [task.taskArn] }));
  assert.deepEqual(JSON.parse(body).tasks[0].overrides, overrides);
  const filters = { cluster: 'drainers', startedBy: task.startedBy, desiredStatus: 'RUNNING' };
  assert.equal((await call(aws, ecs('ListTasks', filters))).status, 400, 'startedBy must be the only filter');
});
