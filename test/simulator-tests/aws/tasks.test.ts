import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchedTask } from '../../simulator/aws/ecs/task.ts';
import { call, started } from './account.ts';
import { ecs, fargateTask } from './ecs-calls.ts';

// StopTask does not stop a task at once: it has its stop timeout, and its exit code comes later.
test('a task runs until its launcher reports its exit code', async (t) => {
  const aws = await started(t);
  const launched: LaunchedTask[] = [];
  aws.onRunTask((task) => launched.push(task));
  await call(aws, ecs('RunTask', fargateTask));
  const [task] = launched;
  assert.ok(task);
  const describe = async () => {
    const input = { cluster: 'drainers', tasks: [task.taskArn, 'none'] };
    const { tasks, failures } = JSON.parse((await call(aws, ecs('DescribeTasks', input))).body);
    assert.deepEqual(failures, [{ arn: task.taskArn.replace(/[^/]+$/, 'none'), reason: 'MISSING' }]);
    return [tasks[0].lastStatus, tasks[0].desiredStatus, tasks[0].stopCode, tasks[0].containers[0].exitCode];
  };
  const list = async (desiredStatus: string) => {
    const input = { cluster: 'drainers', family: 'node-drainer', desiredStatus };
    return JSON.parse((await call(aws, ecs('ListTasks', input))).body).taskArns;
  };
  assert.deepEqual(await describe(), ['PROVISIONING', 'RUNNING', undefined, undefined]);
  task.running();
  assert.deepEqual(await list('RUNNING'), [task.taskArn]);
  await call(aws, ecs('StopTask', { cluster: 'drainers', task: task.taskArn, reason: 'a deploy' }));
  assert.ok(task.stopSignal.aborted);
  assert.deepEqual(await describe(), ['DEACTIVATING', 'STOPPED', 'UserInitiated', undefined]);
  task.stopped(143);
  assert.deepEqual(await describe(), ['STOPPED', 'STOPPED', 'UserInitiated', 143]);
  assert.deepEqual([await list('RUNNING'), await list('STOPPED')], [[], [task.taskArn]]);
});
