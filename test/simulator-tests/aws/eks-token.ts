import aws4 from 'aws4';
import type { AwsSimulator } from '../../simulator/aws/simulator.ts';
import { type Keys, keysOf } from './account.ts';

type TokenOptions = Partial<Record<'cluster' | 'service' | 'region' | 'host' | 'query' | 'date', string>> & {
  keys?: Keys;
};

export function token(aws: AwsSimulator, options: TokenOptions = {}): string {
  const region = options.region ?? aws.environment['AWS_REGION'] ?? '';
  const host = options.host ?? `sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  const query = options.query ?? 'Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60';
  // aws4 reads the date of a presigned URL from its path.
  const date = options.date === undefined ? '' : `&X-Amz-Date=${options.date}`;
  const { path } = aws4.sign(
    {
      service: options.service ?? 'sts',
      method: 'GET',
      host,
      region,
      signQuery: true,
      path: `/?${query}${date}`,
      headers: { 'x-k8s-aws-id': options.cluster ?? 'demo' },
    },
    options.keys ?? keysOf(aws),
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}${path}`).toString('base64url')}`;
}
