import type { Task } from '@aws-sdk/client-ecs';
import type { TaskPlacement } from '../config/setting-values.ts';
import { environmentOf, type StartResult, type TaskStarter } from '../run/drain-task.ts';
import type { DrainTasks } from '../sweep/ports.ts';
import { type AwsRegion, awsCall, clientSettings } from './call.ts';

/** The name in infra/cloudformation/drainer.yaml. */
const CONTAINER = 'drainer';

/** The limit of ListTasks and of DescribeTasks. */
const MAX_TASKS_PER_CALL = 100;

export type Tasks = TaskStarter & {
  /** The instances that the tasks of the family drain, or have drained within the last hour. */
  drains(signal: AbortSignal): Promise<DrainTasks>;
};

/**
 * The ECS tasks of one placement. They run on demand: a drain that Fargate Spot interrupted is not started on Spot again.
 * @throws Failure from every call when ECS fails, or denies access
 */
export async function ecsTasks(placement: TaskPlacement, region: AwsRegion): Promise<Tasks> {
  const { DescribeTasksCommand, ECSClient, ListTasksCommand, RunTaskCommand } = await import('./sdk.ts');
  // The caller retries, at a rate that it limits.
  const starter = new ECSClient({ ...clientSettings(region), maxAttempts: 1 });
  const client = new ECSClient(clientSettings(region));
  const family = placement.taskDefinition.replace(/^.*\//, '').replace(/:\d+$/, '');
  return {
    async start(task, startedBy, clientToken, signal) {
      const environment = Object.entries(environmentOf(task)).map(([name, value]) => ({ name, value }));
      const command = new RunTaskCommand({
        cluster: placement.cluster,
        taskDefinition: placement.taskDefinition,
        launchType: 'FARGATE',
        networkConfiguration: {
          awsvpcConfiguration: {
            subnets: [...placement.subnets],
            securityGroups: [...placement.securityGroups],
            assignPublicIp: placement.assignPublicIp,
          },
        },
        overrides: { containerOverrides: [{ name: CONTAINER, command: ['drain'], environment }] },
        startedBy,
        clientToken,
        propagateTags: 'TASK_DEFINITION',
        enableECSManagedTags: true,
      });
      const answer = await awsCall(
        `start a task for ${task.instanceId}`,
        'ecs:RunTask',
        (abortSignal) => starter.send(command, { abortSignal }),
        signal,
      );
      return startResultOf(answer.tasks?.[0]?.taskArn, answer.failures?.[0]);
    },
    async drains(signal) {
      const running = new Set<string>();
      const createdAt = new Map<string, number>();
      for (const status of ['RUNNING', 'STOPPED'] as const) {
        for await (const arns of listTasks(status, signal)) {
          const command = new DescribeTasksCommand({ cluster: placement.cluster, tasks: arns });
          // A task that ended long before is in `failures`.
          const { tasks = [] } = await awsCall(
            `describe the tasks of ${family}`,
            'ecs:DescribeTasks',
            (abortSignal) => client.send(command, { abortSignal }),
            signal,
          );
          for (const task of tasks) {
            const instance = drainedInstance(task);
            if (instance === undefined) continue;
            if (task.desiredStatus !== 'STOPPED') running.add(instance);
            const created = task.createdAt?.getTime() ?? Number.NEGATIVE_INFINITY;
            createdAt.set(instance, Math.max(created, createdAt.get(instance) ?? created));
          }
        }
      }
      return { running, createdAt };
    },
  };

  /**
   * RUNNING lists those that are to run, in whatever state they are; STOPPED those that are being stopped, or were within the
   * last hour. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html
   */
  async function* listTasks(desiredStatus: 'RUNNING' | 'STOPPED', signal: AbortSignal) {
    let nextToken: string | undefined;
    do {
      const token = nextToken;
      const command = new ListTasksCommand({
        cluster: placement.cluster,
        family,
        desiredStatus,
        maxResults: MAX_TASKS_PER_CALL,
        ...(token !== undefined && { nextToken: token }),
      });
      const page = await awsCall(
        `list the tasks of ${family}`,
        'ecs:ListTasks',
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
      );
      if (page.taskArns !== undefined && page.taskArns.length > 0) yield page.taskArns;
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
  }
}

/** RunTask can answer 200 without starting a task. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html */
function startResultOf(
  task: string | undefined,
  failure: { reason?: string | undefined; detail?: string | undefined } | undefined,
): StartResult {
  if (task !== undefined) return { kind: 'started', task };
  const detail = failure?.detail;
  return { kind: 'refused', reason: failure?.reason ?? 'no reason given', ...(detail !== undefined && { detail }) };
}

/**
 * The instance whose lifecycle action a task completes. A task of another command for the same instance does not, nor does a
 * drain for another reason than its termination, such as a Spot interruption: it sends no heartbeats.
 */
function drainedInstance({ overrides }: Task): string | undefined {
  const containers = overrides?.containerOverrides ?? [];
  const environment = new Map(
    containers.flatMap((container) => container.environment ?? []).map(({ name, value }) => [name, value]),
  );
  // Without one it is that of the task definition: drain.
  const command = containers.flatMap((container) => container.command ?? [])[0] ?? 'drain';
  const reason = environment.get('REASON') || 'termination';
  return command === 'drain' && reason === 'termination' ? environment.get('INSTANCE_ID') : undefined;
}
