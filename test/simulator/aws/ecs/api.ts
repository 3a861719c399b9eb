import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { AwsRequest, Operation } from '../protocol/message.ts';
import { pageOf } from '../protocol/page.ts';
import type { RunTaskOperation } from './run-task.ts';
import { nameIn, type Task } from './task.ts';
import { invalidParameter, isJson, type Json, listIn, textIn } from './task-request.ts';
import type { Tasks } from './tasks.ts';

const epochSeconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);

/** A task in the response of DescribeTasks. JSON omits undefined members. */
function taskJson(task: Task, withTags: boolean): Json {
  return {
    taskArn: task.taskArn,
    clusterArn: task.clusterArn,
    taskDefinitionArn: task.taskDefinitionArn,
    group: task.group ?? `family:${task.family}`,
    startedBy: task.startedBy,
    launchType: task.launchType ?? (task.capacityProvider === undefined ? 'EC2' : 'FARGATE'),
    capacityProviderName: task.capacityProvider,
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    createdAt: epochSeconds(task.createdAt),
    startedAt: epochSeconds(task.startedAt),
    stoppedAt: epochSeconds(task.stoppedAt),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    overrides: task.rawOverrides ?? { containerOverrides: [] },
    containers: [
      {
        containerArn: `${task.taskArn}/container`,
        taskArn: task.taskArn,
        name: task.containerName,
        lastStatus: task.lastStatus === 'PROVISIONING' ? 'PENDING' : task.lastStatus,
        exitCode: task.exitCode,
      },
    ],
    tags: withTags ? task.tags : [],
  };
}

function runTask(input: Json, operation: RunTaskOperation): Json {
  const { tasks, failures } = operation.call(input);
  return { tasks: tasks.map((task) => taskJson(task, true)), failures };
}

function listTasks(input: Json, tasks: Tasks): Json {
  const family = textIn(input, 'family');
  const startedBy = textIn(input, 'startedBy');
  const others = ['containerInstance', 'desiredStatus', 'family', 'launchType', 'serviceName'];
  const other = others.find((name) => input[name] !== undefined);
  if (startedBy !== undefined && other !== undefined) {
    throw invalidParameter(`startedBy must be the only filter; ${other} cannot be given with it.`);
  }
  const desired = textIn(input, 'desiredStatus') ?? 'RUNNING';
  const found = tasks
    .of(textIn(input, 'cluster') ?? 'default')
    .filter((task) => task.desiredStatus === desired)
    .filter((task) => family === undefined || task.family === family)
    .filter((task) => startedBy === undefined || task.startedBy === startedBy);
  const size = Number(input['maxResults'] ?? 100);
  if (!Number.isInteger(size) || size < 1 || size > 100) throw invalidParameter('maxResults must be between 1 and 100');
  const page = pageOf(found, size, textIn(input, 'nextToken'));
  if (!page) throw invalidParameter('Invalid token');
  return { taskArns: page.items.map(({ taskArn }) => taskArn), nextToken: page.nextToken };
}

function describeTasks(input: Json, tasks: Tasks, context: Context): Json {
  const cluster = textIn(input, 'cluster') ?? 'default';
  const ids = listIn(input, 'tasks').map(String);
  if (ids.length === 0) throw invalidParameter('Tasks cannot be empty.');
  if (ids.length > 100) throw invalidParameter('Tasks cannot have more than 100 elements.');
  const { partition, region, accountId } = context;
  const withTags = listIn(input, 'include').includes('TAGS');
  const known = ids.flatMap((id) => tasks.find(cluster, id) ?? []);
  const missing = ids.filter((id) => !tasks.find(cluster, id));
  const arnOf = (id: string) =>
    id.startsWith('arn:') ? id : `arn:${partition.id}:ecs:${region}:${accountId}:task/${nameIn(cluster)}/${id}`;
  return {
    tasks: known.map((task) => taskJson(task, withTags)),
    failures: missing.map((id) => ({ arn: arnOf(id), reason: 'MISSING' })),
  };
}

function stopTask(input: Json, tasks: Tasks): Json {
  const reason = textIn(input, 'reason') ?? 'Task stopped by user';
  const task = tasks.stop(textIn(input, 'cluster') ?? 'default', textIn(input, 'task') ?? '', reason);
  if (!task) throw invalidParameter('The referenced task was not found.');
  return { task: taskJson(task, true) };
}

function parseBody(request: AwsRequest): Json | undefined {
  try {
    const value: unknown = JSON.parse(request.body.toString() || '{}');
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Amazon ECS: RunTask, ListTasks, DescribeTasks and StopTask.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Operations.html
 */
export function ecs(tasks: Tasks, operation: RunTaskOperation, context: Context): (request: AwsRequest) => Operation {
  return (request) => {
    const target = request.headers['x-amz-target'] ?? '';
    const name = target.replace(/^AmazonEC2ContainerServiceV20141113\./, '');
    const input = parseBody(request);
    const parameters = Object.entries(input ?? {}).map(([key, value]): [string, string] => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    const runOperation = (body: Json): Json => {
      switch (name) {
        case 'RunTask':
          return runTask(body, operation);
        case 'ListTasks':
          return listTasks(body, tasks);
        case 'DescribeTasks':
          return describeTasks(body, tasks, context);
        case 'StopTask':
          return stopTask(body, tasks);
        default:
          throw new ServiceError('UnknownOperationException', `No operation ${target}`);
      }
    };
    return {
      action: `ecs:${name === '' ? 'unknown' : name}`,
      parameters: Object.fromEntries(parameters),
      run: () => {
        if (!input) throw new ServiceError('SerializationException', 'The body is not a JSON object');
        const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() };
        return { status: 200, headers, body: JSON.stringify(runOperation(input)) };
      },
    };
  };
}
