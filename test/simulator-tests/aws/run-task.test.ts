import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchedTask } from '../../simulator/aws/ecs/task.ts';
import { call, id, started } from './account.ts';
import { ecs, fargateTask } from './ecs-calls.ts';

// A sweep that starts a task twice, or does not notice one that was never placed, is what ECS makes easy.
test('RunTask starts a task once for a client token, and can refuse with 200', async (t) => {
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
