import type { AwsSimulator } from '../../simulator/aws/simulator.ts';
import { type Call, call, id } from './account.ts';

export const fargateTask = {
  cluster: 'drainers',
  taskDefinition: 'node-drainer:3',
  launchType: 'FARGATE',
  networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
  overrides: { containerOverrides: [{ name: 'drainer', environment: [{ name: 'INSTANCE_ID', value: id }] }] },
  startedBy: 'sweep',
};

export function ecs(operation: string, input: object): Call {
  return {
    service: 'ecs',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': `AmazonEC2ContainerServiceV20141113.${operation}`,
    },
    body: JSON.stringify(input),
  };
}

/** `placed N`, or the reason of the refusal. */
export async function runTask(aws: AwsSimulator, more: object = {}): Promise<string> {
  const { status, body } = await call(aws, ecs('RunTask', { ...fargateTask, ...more }));
  const { tasks = [], failures = [], __type: code = '' } = JSON.parse(body);
  return status === 200 ? (failures[0]?.reason ?? `placed ${tasks.length}`) : `${status} ${code}`;
}
