import type { Context } from './context.ts';
import { type AccessKeys, callerOf } from './protocol/access-keys.ts';
import { signerOf } from './protocol/authentication.ts';
import type { AwsRequest, Caller } from './protocol/message.ts';
import { partitionOf } from './protocol/partition.ts';
import { readSignature, type Signature, timeOf } from './protocol/sigv4.ts';

const prefix = 'k8s-aws-v1.';
const clusterHeader = 'x-k8s-aws-id';
const maxBytes = 4096;
const minute = 60_000;

const allowedParameters = [
  'action',
  'version',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
];

/** The message is the reason of the refusal. */
class TokenRefused extends Error {}

function check(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new TokenRefused(reason);
}

function presignedUrl(token: string): URL {
  check(Buffer.byteLength(token) <= maxBytes, `token is too large: more than ${maxBytes} bytes`);
  check(token.startsWith(prefix), `token is missing expected "${prefix}" prefix`);
  const encoded = token.slice(prefix.length);
  check(/^[A-Za-z0-9_-]+$/.test(encoded), 'token is not unpadded base64url');
  const text = Buffer.from(encoded, 'base64url').toString();
  check(URL.canParse(text), 'token does not hold a URL');
  return new URL(text);
}

function regionOfHost(host: string, context: Context): string {
  const match = /^sts\.([a-z0-9-]+)\.(.+)$/.exec(host);
  const region = match?.[1] ?? '';
  const partition = partitionOf(region);
  check(partition !== undefined, `unexpected hostname "${host}" in pre-signed URL: not a regional STS endpoint`);
  check(
    match?.[2] === partition.dnsSuffix,
    `unexpected hostname "${host}" in pre-signed URL: STS in ${region} ends in ${partition.dnsSuffix}`,
  );
  check(
    partition.id === context.partition.id,
    `unexpected hostname "${host}" in pre-signed URL: the cluster is in partition ${context.partition.id}`,
  );
  return region;
}

function checkParameters(url: URL): void {
  const names = [...url.searchParams.keys()];
  const unknown = names.find((name) => !allowedParameters.includes(name.toLowerCase()));
  check(unknown === undefined, `non-whitelisted query parameter "${unknown}"`);
  check(
    new Set(names.map((name) => name.toLowerCase())).size === names.length,
    'query parameter with multiple values not supported',
  );
  const expect = (name: string, value: string) => {
    const given = url.searchParams.get(name);
    check(given === value, `unexpected ${name} parameter in pre-signed URL: ${given}, not ${value}`);
  };
  expect('Action', 'GetCallerIdentity');
  expect('Version', '2011-06-15');
  expect('X-Amz-Expires', '60');
  expect('X-Amz-SignedHeaders', `host;${clusterHeader}`);
}

function checkScope(signature: Signature, region: string): void {
  check(signature.service === 'sts', `credential is scoped to service ${signature.service}, not sts`);
  check(signature.region === region, `credential is scoped to region ${signature.region}, not ${region}`);
}

function checkAge(signature: Signature, now: number): void {
  const signedAt = timeOf(signature.amzDate);
  check(signedAt !== undefined, `error parsing X-Amz-Date parameter ${signature.amzDate}`);
  check(signature.amzDate.startsWith(signature.date), 'credential is scoped to another day than X-Amz-Date');
  check(now - signedAt <= 15 * minute, 'X-Amz-Date parameter is expired (15 minute expiration)');
  check(signedAt - now <= 5 * minute, 'X-Amz-Date parameter is in the future: signature not yet current');
}

function identify(token: string, clusterName: string, keys: AccessKeys, context: Context): Caller {
  const url = presignedUrl(token);
  check(url.protocol === 'https:', `unexpected scheme "${url.protocol}" in pre-signed URL`);
  const region = regionOfHost(url.host, context);
  check(url.pathname === '/', 'unexpected path in pre-signed URL');
  checkParameters(url);
  const request: AwsRequest = {
    method: 'GET',
    path: '/',
    query: url.search.slice(1),
    headers: { host: url.host, [clusterHeader]: clusterName },
    body: Buffer.alloc(0),
  };
  const signature = readSignature(request);
  check(signature !== undefined, 'pre-signed URL carries no complete signature');
  checkScope(signature, region);
  checkAge(signature, context.now());
  const signer = signerOf(request, signature, keys, context.now());
  if ('key' in signer) return callerOf(signer.key);
  const { error, message } = signer.refusal;
  const hint = error === 'SignatureDoesNotMatch' ? ` (as a token for cluster "${clusterName}")` : '';
  throw new TokenRefused(`sts getCallerIdentity failed: ${error}: ${message}${hint}`);
}

/**
 * Verifies a bearer token as the authenticator of the cluster and STS do, and returns the ARN of its signer. Stricter
 * than AWS on `X-Amz-Expires`, the signed headers and the regional host, so that tests detect malformed tokens.
 * @see https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
 */
export function verifyToken(
  token: string,
  clusterName: string,
  keys: AccessKeys,
  context: Context,
): { arn: string } | { error: string } {
  try {
    return { arn: identify(token, clusterName, keys, context).arn };
  } catch (error) {
    if (error instanceof TokenRefused) return { error: error.message };
    throw error;
  }
}
