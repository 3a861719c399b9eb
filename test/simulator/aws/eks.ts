import { ServiceError } from './protocol/errors.ts';
import type { AwsRequest, Operation } from './protocol/message.ts';

export type Cluster = {
  name: string;
  arn: string;
  endpoint: string;
  /** PEM. */
  certificateAuthority: string;
  status: string;
  createdAt: number;
};

/**
 * Amazon EKS: DescribeCluster.
 * @see https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html
 */
export function eks(clusters: ReadonlyMap<string, Cluster>): (request: AwsRequest) => Operation {
  return (request) => {
    const encoded = /^\/clusters\/([^/]+)$/.exec(request.path)?.[1];
    const name = encoded === undefined ? undefined : decodeURIComponent(encoded);
    const isDescription = request.method === 'GET' && name !== undefined;
    return {
      action: isDescription ? 'eks:DescribeCluster' : 'eks:unknown',
      parameters: name === undefined ? {} : { name },
      run: () => {
        if (!isDescription) throw new ServiceError('InvalidRequestException', 'No such operation');
        const cluster = clusters.get(name);
        if (!cluster) {
          throw new ServiceError('ResourceNotFoundException', `No cluster found for name: ${name}.`, 404);
        }
        const { certificateAuthority, createdAt, ...rest } = cluster;
        const body = {
          cluster: {
            ...rest,
            createdAt: createdAt / 1000,
            certificateAuthority: { data: Buffer.from(certificateAuthority).toString('base64') },
          },
        };
        return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      },
    };
  };
}
