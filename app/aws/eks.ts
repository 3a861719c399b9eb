import * as v from 'valibot';
import type { Clock } from '../lib/clock.ts';
import { Failure } from '../lib/errors.ts';
import { awsCall, clientSettings } from './call.ts';
import { type AwsCredentials, eksToken } from './eks-token.ts';
import { DescribeClusterCommand, EKSClient } from './sdk.ts';

/** The API server takes a token for 15 minutes; one is used for 14, and a new one is got from the tenth on. */
const TOKEN_LIFE_MS = 14 * 60_000;
const RENEW_AFTER_MS = 10 * 60_000;

const Dated = v.fallback(v.object({ headers: v.object({ date: v.optional(v.string()) }) }), { headers: {} });

/** What proves to the API server who is asking. Times are milliseconds since the epoch. */
export type EksCredential = {
  readonly headers: Readonly<Record<string, string>>;
  /** From then on a new one is requested; this one is used while there is no new one. */
  readonly renewAt: number;
  readonly expiresAt: number;
};

export type EksEndpoint = {
  readonly server: string;
  /** PEM */
  readonly certificateAuthority: string;
  /** Signs a new token with the task's own credentials. */
  credential(signal: AbortSignal): Promise<EksCredential>;
};

/**
 * The endpoint and certificate authority of an EKS cluster, and tokens for it.
 * @throws Failure when the cluster does not exist, has no endpoint yet, or may not be described
 */
export async function eksEndpoint(
  name: string,
  region: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<EksEndpoint> {
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
  return {
    server: endpoint.replace(/\/+$/, ''),
    certificateAuthority: Buffer.from(certificateAuthority.data, 'base64').toString('utf8'),
    credential: async (signal) =>
      tokenCredential(name, region, await credentialsOf(client.config.credentials, signal), clock.now(), aheadMs()),
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
): EksCredential {
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
