import * as v from 'valibot';
import type { Clock } from '../lib/clock.ts';
import { Failure } from '../lib/errors.ts';
import { type AwsRegion, awsCall, clientSettings } from './call.ts';
import { type AwsCredentials, eksToken } from './eks-token.ts';
import { DescribeClusterCommand, EKSClient } from './sdk.ts';

/** The API server accepts a token for 15 minutes. It is used for 14, and renewed from the tenth minute on. */
const TOKEN_LIFETIME_MS = 14 * 60_000;
const RENEW_AFTER_MS = 10 * 60_000;

const DatedResponse = v.fallback(v.object({ headers: v.object({ date: v.optional(v.string()) }) }), { headers: {} });

/** Authenticates requests to the API server. Times are milliseconds since the epoch. */
export type EksCredential = {
  readonly headers: Readonly<Record<string, string>>;
  /** From then on a new credential is requested; this one is used until it arrives. */
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
 * Looks up the endpoint and the certificate authority of an EKS cluster, and signs tokens for it.
 * @throws Failure when the cluster does not exist, has no endpoint yet, or access is denied
 */
export async function eksEndpoint(
  name: string,
  region: AwsRegion,
  clock: Clock,
  signal: AbortSignal,
): Promise<EksEndpoint> {
  const client = new EKSClient(clientSettings(region));
  const clockSkewMs = measureClockSkew(client, clock);
  const { cluster } = await awsCall(
    `describe the EKS cluster ${name} in ${region.name}`,
    'eks:DescribeCluster',
    (abortSignal) => client.send(new DescribeClusterCommand({ name }), { abortSignal }),
    signal,
  );
  const { endpoint, certificateAuthority, status } = cluster ?? {};
  if (endpoint === undefined || certificateAuthority?.data === undefined) {
    throw new Failure(`EKS cluster ${name} has no endpoint: its status is ${status ?? 'unknown'}`);
  }
  return {
    server: endpoint.replace(/\/+$/, ''),
    certificateAuthority: Buffer.from(certificateAuthority.data, 'base64').toString('utf8'),
    credential: async (signal) =>
      tokenCredential(
        name,
        region.name,
        await loadCredentials(client.config.credentials, signal),
        clock.now(),
        clockSkewMs(),
      ),
  };
}

/**
 * Signs a token, and limits its use to the lifetime of the credentials that sign it.
 * @param now by the local clock, in milliseconds since the epoch; so are the times of the returned credential
 * @param clockSkewMs how far the clock of AWS, which sets expirations and checks signatures, is ahead of the local clock
 */
export function tokenCredential(
  name: string,
  region: string,
  credentials: AwsCredentials,
  now: number,
  clockSkewMs: number,
): EksCredential {
  const expiration = credentials.expiration === undefined ? Number.POSITIVE_INFINITY : credentials.expiration.getTime();
  const expiresAt = Math.min(now + TOKEN_LIFETIME_MS, expiration - clockSkewMs);
  return {
    headers: { Authorization: `Bearer ${eksToken(name, region, credentials, now + clockSkewMs)}` },
    renewAt: Math.min(now + RENEW_AFTER_MS, expiresAt),
    expiresAt,
  };
}

/**
 * Reads the date of each response that this client receives. (The SDK corrects its own signatures by the same date, but
 * relative to the wall clock, which may be set in the middle of a drain.)
 * @returns how far AWS is ahead of the local clock now, in milliseconds
 */
function measureClockSkew(client: EKSClient, clock: Clock): () => number {
  let skewMs = 0;
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const date = Date.parse(v.parse(DatedResponse, result.response).headers.date ?? '');
      if (Number.isFinite(date)) skewMs = date - clock.now();
      return result;
    },
    { step: 'deserialize', name: 'clock skew' },
  );
  return () => skewMs;
}

async function loadCredentials(provide: () => Promise<AwsCredentials>, signal: AbortSignal): Promise<AwsCredentials> {
  return awsCall('load AWS credentials', undefined, provide, signal);
}
