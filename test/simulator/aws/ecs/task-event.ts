import { randomUUID } from 'node:crypto';
import type { ValueMap } from '../json.ts';
import type { Task } from './task.ts';

/**
 * The event that ECS sends to EventBridge when a task has stopped.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
 */
export function taskEvent(task: Task, account: { accountId: string; region: string }): ValueMap {
  const stoppedAt = new Date(task.stoppedAt ?? 0).toISOString();
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'ECS Task State Change',
    source: 'aws.ecs',
    account: account.accountId,
    time: stoppedAt,
    region: account.region,
    resources: [task.taskArn],
    detail: {
      taskArn: task.taskArn,
      clusterArn: task.clusterArn,
      taskDefinitionArn: task.taskDefinitionArn,
      group: task.group ?? `family:${task.family}`,
      launchType: task.launchType ?? 'FARGATE',
      lastStatus: task.lastStatus,
      desiredStatus: task.desiredStatus,
      ...(task.startedBy === undefined ? {} : { startedBy: task.startedBy }),
      ...(task.stopCode === undefined ? {} : { stopCode: task.stopCode }),
      ...(task.stoppedReason === undefined ? {} : { stoppedReason: task.stoppedReason }),
      stoppedAt,
      containers: [
        {
          name: task.containerName,
          lastStatus: task.lastStatus,
          taskArn: task.taskArn,
          // A container that never ran has no exit code.
          ...(task.exitCode === undefined ? {} : { exitCode: task.exitCode }),
        },
      ],
    },
  };
}
