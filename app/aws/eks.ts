import type { Clock } from '../clock.ts';
import { Failure } from '../failure.ts';
import type { Access } from '../kubernetes/api.ts';
import { type Credential, renewing } from '../kubernetes/authentication.ts';
import { dispatcherTrusting } from '../kubernetes/dispatcher.ts';
import { awsCall, clientSettings } from './call.ts';
import { DescribeClusterCommand, EKSClient } from './sdk.ts';
import { type AwsCredentials, eksToken } from './token.ts';

/** The API server takes a token for 15 minutes; one is used for 14, and a new one is got from the tenth on. */
const TOKEN_LIFE_MS = 14 * 60_000;
const RENEW_AFTER_MS = 10 * 60_000;

/**
 * Access to an EKS cluster: endpoint and certificate authority from EKS, tokens signed with the task's own credentials.
 * @throws Failure when the cluster does not exist, is not there yet, or may not be described
 */
export async function accessToEks(name: string, region: string, clock: Clock, signal: AbortSignal): Promise<Access> {
  const client = new EKSClient(clientSettings(region));
  const { cluster } = await awsCall(
    `describe the EKS cluster ${name} in ${region}`,
    'eks:DescribeCluster',
    () => client.send(new DescribeClusterCommand({ name }), { abortSignal: signal }),
    signal,
  );
  const { endpoint, certificateAuthority, status } = cluster ?? {};
  if (endpoint === undefined || certificateAuthority?.data === undefined) {
    throw new Failure(`the EKS cluster ${name} has no endpoint (its status is ${status ?? 'unknown'})`);
  }
  const ca = Buffer.from(certificateAuthority.data, 'base64').toString('utf8');
  return {
    server: endpoint.replace(/\/+$/, ''),
    connect: () => dispatcherTrusting(ca),
    authenticate: renewing(
      async (signal) =>
        tokenCredential(name, region, await credentialsOf(client.config.credentials, signal), clock.now()),
      clock,
    ),
  };
}

/** How long a token is used, and from when on it is renewed: never longer than the credentials that signed it live. */
export function tokenCredential(name: string, region: string, credentials: AwsCredentials, now: number): Credential {
  const expiresAt = Math.min(now + TOKEN_LIFE_MS, credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY);
  return {
    headers: { Authorization: `Bearer ${eksToken(name, region, credentials, now)}` },
    renewAt: Math.min(now + RENEW_AFTER_MS, expiresAt),
    expiresAt,
  };
}

async function credentialsOf(provide: () => Promise<AwsCredentials>, signal: AbortSignal): Promise<AwsCredentials> {
  return awsCall('get AWS credentials', undefined, provide, signal);
}
