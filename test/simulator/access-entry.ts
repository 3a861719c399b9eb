import type { AwsSimulator } from './aws/aws-simulator.ts';
import type { Authenticate } from './kubernetes/http/authentication.ts';

/**
 * What EKS does with an access entry for the drainer: whoever signed the token for this cluster is in its group.
 * https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
 */
export function accessEntry(aws: AwsSimulator, cluster: string): Authenticate {
  return async (token) =>
    'arn' in aws.verifyToken(token, cluster) ? { name: 'node-drainer', groups: ['node-drainer'] } : undefined;
}
