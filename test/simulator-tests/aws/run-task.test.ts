import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchedTask } from '../../simulator/aws/ecs/task.ts';
import { call, id, started } from './account.ts';
import { ecs, fargateTask, runTask } from './ecs-calls.ts';

// RunTask makes it easy to start a task twice, or to miss one that was never placed.
test('RunTask starts one task for a client token, and can return 200 with failures', async (t) => {
  const aws = await started(t);
  const launched: LaunchedTask[] = [];
  aws.onRunTask((task) => launched.push(task));
  const first = await call(aws, ecs('RunTask', { ...fargateTask, clientToken: 'once' }));
  const again = await call(aws, ecs('RunTask', { ...fargateTask, clientToken: 'once' }));
  assert.equal(again.body, first.body);
  const [task, ...others] = launched;
  assert.ok(task && others.length === 0, 'launched once');
  assert.deepEqual([task.overrides, task.startedBy, task.family], [{ INSTANCE_ID: id }, 'sweep', 'node-drainer']);
  const conflict = await call(aws, ecs('RunTask', { ...fargateTask, startedBy: 'x', clientToken: 'once' }));
  assert.match(conflict.body, /"__type":"ConflictException"/);

  aws.refuseTasks({ reason: 'Capacity is unavailable at this time. Please try again later' }, { times: 1 });
  const refused = await call(aws, ecs('RunTask', fargateTask));
  assert.equal(refused.status, 200);
  assert.deepEqual(JSON.parse(refused.body), {
    tasks: [],
    failures: [{ reason: 'Capacity is unavailable at this time. Please try again later' }],
  });
  const placed = await call(aws, ecs('RunTask', fargateTask));
  assert.equal(JSON.parse(placed.body).tasks.length, 1);
});

// If a client token remembered a refusal, a lack of capacity would become a task that never starts.
test('a client token is valid for placed tasks in its cluster, and not for refusals', async (t) => {
  const aws = await started(t);
  const clientToken = 'sweep-1';
  aws.refuseTasks({ reason: 'AGENT' }, { times: 1 });
  assert.deepEqual([await runTask(aws, { clientToken }), await runTask(aws, { clientToken })], ['AGENT', 'placed 1']);
  assert.equal(await runTask(aws, { clientToken }), 'placed 1');
  assert.equal(aws.tasks.length, 1);
  const { body } = await call(aws, ecs('RunTask', { ...fargateTask, clientToken, count: 2 }));
  assert.deepEqual(JSON.parse(body).resourceIds, [aws.tasks[0]?.taskArn]);
  assert.equal(await runTask(aws, { clientToken, cluster: 'others' }), 'placed 1');
  assert.equal(aws.tasks.length, 2);
  const { startedBy, ...rest } = fargateTask;
  const reordered = await call(aws, ecs('RunTask', { clientToken, startedBy, ...rest }));
  assert.equal(reordered.status, 200, 'the order of members does not matter');
  assert.equal(await runTask(aws, { clientToken: 'ä' }), '400 InvalidParameterException');
});

// A test must not start a task with a call that ECS refuses.
test('RunTask refuses invalid parameters, and returns overrides unchanged', async (t) => {
  const aws = await started(t);
  const invalid = '400 InvalidParameterException';
  const capacityProviderStrategy = [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }];
  assert.equal(await runTask(aws, { capacityProviderStrategy }), invalid, 'together with a launch type');
  assert.equal(await runTask(aws, { startedBy: 'x'.repeat(129) }), invalid);
  assert.equal(await runTask(aws, { startedBy: 'a sweep' }), invalid);
  assert.equal(aws.tasks.length, 0);
  const overrides = {
    containerOverrides: [{ name: 'drainer', command: ['sweep'], environment: [{ name: 'A', value: '1' }] }],
    cpu: '512',
  };
  assert.equal(await runTask(aws, { overrides, startedBy: 'x'.repeat(128) }), 'placed 1');
  const [task] = aws.tasks;
  assert.ok(task);
  assert.deepEqual([task.command, task.overrides], [['sweep'], { A: '1' }]);
  const { body } = await call(aws, ecs('DescribeTasks', { cluster: 'drainers', tasks: [task.taskArn] }));
  assert.deepEqual(JSON.parse(body).tasks[0].overrides, overrides);
  const filters = { cluster: 'drainers', startedBy: task.startedBy, desiredStatus: 'RUNNING' };
  assert.equal((await call(aws, ecs('ListTasks', filters))).status, 400, 'startedBy must be the only filter');
});
