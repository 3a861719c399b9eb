import type { AwsSimulator } from './aws/simulator.ts';
import type { Authenticate } from './kubernetes/http/authentication.ts';

/**
 * Authenticates like an EKS access entry: a valid token for this cluster gives the user and group `node-drainer`.
 * https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
 */
export function accessEntry(aws: AwsSimulator, cluster: string): Authenticate {
  return async (token) =>
    'arn' in aws.verifyToken(token, cluster) ? { name: 'node-drainer', groups: ['node-drainer'] } : undefined;
}
