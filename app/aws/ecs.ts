import type { ECSClient, Task } from '@aws-sdk/client-ecs';
import type { TaskPlacement } from '../config/setting-values.ts';
import { environmentOf, type StartResult, type TaskStarter } from '../run/drain-task.ts';
import { awsCall, clientSettings } from './call.ts';

/** As infra/cloudformation/drainer.yaml names it. */
const CONTAINER = 'drainer';

/** Most tasks that ListTasks names, and DescribeTasks takes, at once. */
const BATCH = 100;

export type Tasks = TaskStarter & {
  /** The instances that a living task of the family drains: one that is placed, or runs, and was not told to stop. */
  instances(signal: AbortSignal): Promise<ReadonlySet<string>>;
};

/**
 * The ECS tasks of one place. Always on demand: what Spot took away is not left to Spot again.
 * @throws Failure from every call when ECS fails, or denies it
 */
export async function ecsTasks(place: TaskPlacement, region: string): Promise<Tasks> {
  const { DescribeTasksCommand, ECSClient, ListTasksCommand, RunTaskCommand } = await import('./sdk.ts');
  // Each try is one of the caller's own, who keeps to a rate.
  const starter = new ECSClient({ ...clientSettings(region), maxAttempts: 1 });
  const client = new ECSClient(clientSettings(region));
  const family = place.taskDefinition.replace(/^.*\//, '').replace(/:\d+$/, '');
  return {
    async start(task, startedBy, clientToken, signal) {
      const environment = Object.entries(environmentOf(task)).map(([name, value]) => ({ name, value }));
      const command = new RunTaskCommand({
        cluster: place.cluster,
        taskDefinition: place.taskDefinition,
        launchType: 'FARGATE',
        networkConfiguration: {
          awsvpcConfiguration: {
            subnets: [...place.subnets],
            securityGroups: [...place.securityGroups],
            assignPublicIp: place.assignPublicIp,
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
      return placementOf(answer.tasks?.[0]?.taskArn, answer.failures?.[0]);
    },
    async instances(signal) {
      const instances = new Set<string>();
      for await (const arns of runningTasks(client, place.cluster, family, signal)) {
        const command = new DescribeTasksCommand({ cluster: place.cluster, tasks: arns });
        // One that ended in between is in `failures`: it drains nothing.
        const { tasks = [] } = await awsCall(
          `describe the tasks of ${family}`,
          'ecs:DescribeTasks',
          (abortSignal) => client.send(command, { abortSignal }),
          signal,
        );
        for (const task of tasks) {
          const instance = instanceOf(task);
          if (instance !== undefined && task.desiredStatus !== 'STOPPED') instances.add(instance);
        }
      }
      return instances;
    },
  };

  async function* runningTasks(client: ECSClient, cluster: string, family: string, signal: AbortSignal) {
    let nextToken: string | undefined;
    do {
      const token = nextToken;
      const command = new ListTasksCommand({
        cluster,
        family,
        desiredStatus: 'RUNNING',
        maxResults: BATCH,
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

/** RunTask may answer 200, and have placed nothing. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html */
function placementOf(
  task: string | undefined,
  failure: { reason?: string | undefined; detail?: string | undefined } | undefined,
): StartResult {
  if (task !== undefined) return { kind: 'started', task };
  const detail = failure?.detail;
  return { kind: 'refused', reason: failure?.reason ?? 'no reason given', ...(detail !== undefined && { detail }) };
}

function instanceOf({ overrides }: Task): string | undefined {
  const environment = overrides?.containerOverrides?.flatMap((container) => container.environment ?? []);
  return environment?.find(({ name }) => name === 'INSTANCE_ID')?.value;
}
