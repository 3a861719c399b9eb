import type { AwsSimulator } from '../../simulator/aws/simulator.ts';
import { type Call, call, callerIdentity, form, type Keys, keysOf } from './account.ts';
import { ecs } from './ecs-calls.ts';

/** One call of each service, in its own protocol. */
export const everyService = {
  autoscaling: { service: 'autoscaling', headers: form, body: 'Action=DescribeAutoScalingGroups&Version=2011-01-01' },
  sts: callerIdentity,
  ec2: { service: 'ec2', headers: form, body: 'Action=DescribeInstances&Version=2016-11-15' },
  ecs: ecs('ListTasks', {}),
  eks: { service: 'eks', method: 'GET', path: '/clusters/demo' },
  s3: { service: 's3', method: 'GET', path: '/kube/x' },
} as const satisfies Record<string, Call>;

export const serviceNames = ['autoscaling', 'sts', 'ec2', 'ecs', 'eks', 's3'] as const;

/** The error code in a response of any protocol. */
export function codeIn(body: string): string | undefined {
  return /<Code>([^<]+)<\/Code>|"(?:__type|code)":"([^"]+)"/.exec(body)?.slice(1).find(Boolean);
}

/** The status and error code of each service. */
export async function responsesOf(aws: AwsSimulator, keys: Keys = keysOf(aws)) {
  const responses: Record<string, readonly [status: number | undefined, code: string | undefined]> = {};
  for (const name of serviceNames) {
    const { status, body } = await call(aws, { ...everyService[name], keys });
    responses[name] = [status, codeIn(body)];
  }
  return responses;
}
