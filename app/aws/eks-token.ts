import aws4 from 'aws4';
import { partition } from './sdk.ts';

export type AwsCredentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
};

/** How long STS accepts the signed URL. The lifetime of the token counts from its date instead. */
const URL_EXPIRES_SECONDS = 60;

/**
 * Creates a bearer token for an EKS cluster: a presigned GetCallerIdentity request to the STS endpoint of the region. The
 * name of the cluster is a signed header. The authenticator of the API server sends the request, and trusts the answer of STS.
 * https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
 *
 * @param now milliseconds since the epoch; the token is valid for 15 minutes from then on
 */
export function eksToken(clusterName: string, region: string, credentials: AwsCredentials, now: number): string {
  const date = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const query = new URLSearchParams({
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Date': date,
    'X-Amz-Expires': String(URL_EXPIRES_SECONDS),
  });
  // By default aws4 uses the global STS endpoint, which some partitions lack and the authenticator may refuse.
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
