import * as v from 'valibot';
import type { Clock } from '../clock.ts';
import { Failure } from '../failure.ts';
import type { Access } from '../kubernetes/access.ts';
import { type Credential, renewing } from '../kubernetes/authentication.ts';
import { dispatcherTrusting } from '../kubernetes/dispatcher.ts';
import { awsCall, clientSettings } from './call.ts';
import { DescribeClusterCommand, EKSClient } from './sdk.ts';
import { type AwsCredentials, eksToken } from './token.ts';

/** The API server takes a token for 15 minutes; one is used for 14, and a new one is got from the tenth on. */
const TOKEN_LIFE_MS = 14 * 60_000;
const RENEW_AFTER_MS = 10 * 60_000;

const Dated = v.fallback(v.object({ headers: v.object({ date: v.optional(v.string()) }) }), { headers: {} });

/**
 * Access to an EKS cluster: endpoint and certificate authority from EKS, tokens signed with the task's own credentials.
 * @throws Failure when the cluster does not exist, is not there yet, or may not be described
 */
export async function accessToEks(name: string, region: string, clock: Clock, signal: AbortSignal): Promise<Access> {
  const client = new EKSClient(clientSettings(region));
  const aheadMs = watchTimeOf(client, clock);
  const { cluster } = await awsCall(
    `describe the EKS cluster ${name} in ${region}`,
    'eks:DescribeCluster',
    (abortSignal) => client.send(new DescribeClusterCommand({ name }), { abortSignal }),
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
        tokenCredential(name, region, await credentialsOf(client.config.credentials, signal), clock.now(), aheadMs()),
      clock,
    ),
  };
}

/**
 * How long a token is used, and from when on it is renewed: never longer than the credentials that signed it live.
 * @param now by our own clock, in milliseconds since the epoch; so are the times of the credential
 * @param aheadMs how far the clock of AWS, which signs expirations and judges signatures, is ahead of it
 */
export function tokenCredential(
  name: string,
  region: string,
  credentials: AwsCredentials,
  now: number,
  aheadMs: number,
): Credential {
  const expiration = credentials.expiration === undefined ? Number.POSITIVE_INFINITY : credentials.expiration.getTime();
  const expiresAt = Math.min(now + TOKEN_LIFE_MS, expiration - aheadMs);
  return {
    headers: { Authorization: `Bearer ${eksToken(name, region, credentials, now + aheadMs)}` },
    renewAt: Math.min(now + RENEW_AFTER_MS, expiresAt),
    expiresAt,
  };
}

/**
 * How far AWS is ahead of our clock, in milliseconds, by the date of its latest answer to this client. (The SDK corrects its own
 * signatures by the same date, but by the clock of the wall, which may be set in the middle of a drain.)
 */
function watchTimeOf(client: EKSClient, clock: Clock): () => number {
  let aheadMs = 0;
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const date = Date.parse(v.parse(Dated, result.response).headers.date ?? '');
      if (Number.isFinite(date)) aheadMs = date - clock.now();
      return result;
    },
    { step: 'deserialize', name: 'date of the answer' },
  );
  return () => aheadMs;
}

async function credentialsOf(provide: () => Promise<AwsCredentials>, signal: AbortSignal): Promise<AwsCredentials> {
  return awsCall('get AWS credentials', undefined, provide, signal);
}
