import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ecsTasks } from '../../../app/aws/ecs.ts';
import { simulatedAws } from '../../support/simulated-aws.ts';

const never = new AbortController().signal;
const REGION = 'eu-west-1';
const PLACEMENT = {
  cluster: 'drains',
  taskDefinition: 'drainer',
  subnets: ['subnet-0123456789abcdef0'],
  securityGroups: ['sg-0123456789abcdef0'],
  assignPublicIp: 'DISABLED',
} as const;

/** A simulated ECS with a command that starts a task for an instance, as the rules of the stack do. */
async function ecsFixture(context: TestContext) {
  const aws = await simulatedAws(context, { region: REGION });
  const tasks = await ecsTasks(PLACEMENT, { name: REGION });
  const { ECSClient, RunTaskCommand, StopTaskCommand } = await import('@aws-sdk/client-ecs');
  const client = new ECSClient({ region: REGION });
  return {
    aws,
    tasks,
    async run(
      instanceId: string,
      more: { command?: string[]; reason?: string; family?: string } = {},
    ): Promise<string> {
      const environment = [
        { name: 'INSTANCE_ID', value: instanceId },
        ...(more.reason === undefined ? [] : [{ name: 'REASON', value: more.reason }]),
      ];
      const override = { name: 'drainer', environment, ...(more.command && { command: more.command }) };
      const answer = await client.send(
        new RunTaskCommand({
          cluster: PLACEMENT.cluster,
          taskDefinition: more.family ?? PLACEMENT.taskDefinition,
          launchType: 'FARGATE',
          networkConfiguration: { awsvpcConfiguration: { subnets: [...PLACEMENT.subnets] } },
          overrides: { containerOverrides: [override] },
        }),
      );
      return answer.tasks?.[0]?.taskArn ?? assert.fail('no task was started');
    },
    stop: (task: string) => client.send(new StopTaskCommand({ cluster: PLACEMENT.cluster, task })),
  };
}

// A task that stopped a minute ago is started, and paid, with every sweep.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html: stopped tasks stay for an hour.
test('the drains of ECS are those that run, and those that stopped within the last hour with the time of their last task', async (context) => {
  const { run, stop, tasks } = await ecsFixture(context);
  const before = Math.floor(Date.now() / 1000) * 1000;
  await run('i-running');
  await stop(await run('i-stopped'));
  await stop(await run('i-again'));
  await run('i-again', { command: ['drain'] });
  await run('i-other', { family: 'other' });
  const { running, createdAt } = await tasks.drains(never);
  assert.deepEqual([...running].sort(), ['i-again', 'i-running']);
  assert.deepEqual([...createdAt.keys()].sort(), ['i-again', 'i-running', 'i-stopped']);
  for (const at of createdAt.values()) assert.ok(at >= before && at <= Date.now() + 1_000);
});

// A Spot interruption has started a drain that knows no lifecycle action: it sends no heartbeats, and the hook times out.
test('a task of another command, or for another reason, is not the drain of a termination', async (context) => {
  const { run, tasks } = await ecsFixture(context);
  await run('i-undone', { command: ['undo'] });
  await run('i-cordoned', { command: ['cordon'], reason: 'rebalance-recommendation' });
  await run('i-spot', { command: ['drain'], reason: 'spot-interruption' });
  await run('i-drained', { command: ['drain'], reason: 'termination' });
  const { running, createdAt } = await tasks.drains(never);
  assert.deepEqual([...running], ['i-drained']);
  assert.deepEqual([...createdAt.keys()], ['i-drained']);
});

// With more than a hundred tasks, those of the second page are started twice.
test('every page of tasks is read', async (context) => {
  const { run, tasks } = await ecsFixture(context);
  for (let index = 0; index < 130; index++) await run(`i-${index}`);
  assert.equal((await tasks.drains(never)).running.size, 130);
});
