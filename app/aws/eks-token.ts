import aws4 from 'aws4';
import { partition } from './sdk.ts';

export type AwsCredentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
};

/** STS takes the signed URL for this long; the token's own life is counted from its date. */
const URL_EXPIRES_SECONDS = 60;

/**
 * A bearer token for an EKS cluster: a presigned GetCallerIdentity request to the region's STS endpoint, which binds the
 * cluster's name as a signed header. The API server's authenticator sends it, and believes what STS answers.
 * https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
 *
 * @param now milliseconds since the epoch; the token is good for 15 minutes from then
 */
export function eksToken(clusterName: string, region: string, credentials: AwsCredentials, now: number): string {
  const date = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const query = new URLSearchParams({
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Date': date,
    'X-Amz-Expires': String(URL_EXPIRES_SECONDS),
  });
  // aws4 would fill in the global endpoint for STS, which not every partition has and the authenticator may refuse.
  const host = `sts.${region}.${partition(region).dnsSuffix}`;
  const { path } = aws4.sign(
    {
      service: 'sts',
      region,
      method: 'GET',
      host,
      path: `/?${query}`,
      headers: { 'x-k8s-aws-id': clusterName },
      signQuery: true,
    },
    credentials,
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}${path}`).toString('base64url')}`;
}
