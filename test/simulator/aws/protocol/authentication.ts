import { timingSafeEqual } from 'node:crypto';
import type { Context } from '../context.ts';
import { type AccessKey, type AccessKeys, callerOf } from './access-keys.ts';
import { type CommonError, type ErrorDetails, type Service, ServiceError } from './errors.ts';
import type { AwsRequest, Caller } from './message.ts';
import { expectedSignature, payloadMatches, readSignature, type Signature, timeOf } from './sigv4.ts';

const minute = 60_000;

/** The reason why a signature is refused. */
export type Refusal = { error: CommonError; message: string; details?: ErrorDetails };

/** The key of a valid signature, or the reason of its refusal. Does not check the age. */
export function signerOf(
  request: AwsRequest,
  signature: Signature,
  keys: AccessKeys,
  now: number,
): { key: AccessKey } | { refusal: Refusal } {
  const key = keys.find(signature.accessKeyId);
  if (!key || (key.sessionToken ?? '') !== (signature.sessionToken ?? '')) {
    return refusal('InvalidClientTokenId', 'The security token included in the request is invalid.');
  }
  if (key.expiresAt !== undefined && key.expiresAt <= now) {
    return refusal('ExpiredToken', 'The security token included in the request is expired');
  }
  const expected = Buffer.from(expectedSignature(request, signature, key.secretAccessKey));
  const given = Buffer.from(signature.signature);
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) {
    return refusal(
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. ' +
        'Check your AWS Secret Access Key and signing method.',
    );
  }
  return { key };
}

function refusal(error: CommonError, message: string): { refusal: Refusal } {
  return { refusal: { error, message } };
}

/** `20260102T030405Z` */
function basicTime(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** The error of AWS for a signature date outside the tolerance of its clock. */
function clockSkewRefusal(service: Service, signedAt: number, now: number, tolerance: number): Refusal {
  const error = 'ClockSkew';
  if (service === 's3') {
    const details = {
      RequestTime: basicTime(signedAt),
      ServerTime: new Date(now).toISOString(),
      MaxAllowedSkewMilliseconds: String(tolerance),
    };
    return {
      error,
      message: 'The difference between the request time and the current time is too large.',
      details,
    };
  }
  if (service === 'ec2') return { error, message: 'Request has expired.' };
  const minutes = tolerance / minute;
  const message =
    signedAt > now
      ? `Signature not yet current: ${basicTime(signedAt)} is still later than ${basicTime(now + tolerance)} (${basicTime(now)} + ${minutes} min.)`
      : `Signature expired: ${basicTime(signedAt)} is now earlier than ${basicTime(now - tolerance)} (${basicTime(now)} - ${minutes} min.)`;
  return { error, message };
}

/** A signature is valid for 5 minutes (S3: 15), a presigned URL for `X-Amz-Expires` (STS: for 15 minutes). */
function ageRefusal(signature: Signature, service: Service, now: number): Refusal | undefined {
  const signedAt = timeOf(signature.amzDate);
  if (signedAt === undefined || !signature.amzDate.startsWith(signature.date)) {
    return {
      error: 'SignatureDoesNotMatch',
      message: `Date in Credential scope does not match the date of the request, ${signature.amzDate}`,
    };
  }
  const tolerance = (service === 's3' ? 15 : 5) * minute;
  const seconds = service === 's3' ? Number(signature.expires ?? Number.NaN) : 15 * 60;
  const lifetime = signature.presigned ? seconds * 1000 : tolerance;
  if (signedAt - now > tolerance) return clockSkewRefusal(service, signedAt, now, tolerance);
  if (!(now - signedAt <= lifetime)) {
    if (signature.presigned && service === 's3') return { error: 'AccessDenied', message: 'Request has expired' };
    return clockSkewRefusal(service, signedAt, now, lifetime);
  }
  return undefined;
}

/** The first x-amz-* or host header that is not signed, and that a proxy could therefore change. */
function unsignedHeader(request: AwsRequest, signature: Signature): string | undefined {
  const bound = Object.keys(request.headers).filter((name) => name === 'host' || name.startsWith('x-amz-'));
  return bound.find((name) => !signature.signedHeaders.includes(name));
}

/**
 * Verifies a request as AWS does: scope, signed headers, key, session token, signature, then age.
 * @throws ServiceError in the format of the service when the request is not authentic
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
 */
export function authenticate(request: AwsRequest, service: Service, keys: AccessKeys, context: Context): Caller {
  const now = context.now();
  const signature = readSignature(request);
  if (!signature) {
    throw ServiceError.of(service, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
  }
  if (signature.region !== context.region) {
    const message = `Credential should be scoped to a valid region, not '${signature.region}'.`;
    if (service === 's3') throw new ServiceError('AuthorizationHeaderMalformed', message);
    throw ServiceError.of(service, 'SignatureDoesNotMatch', message);
  }
  const unsigned = unsignedHeader(request, signature);
  if (unsigned !== undefined) {
    const message = `'${unsigned}' must be a signed header in the AWS Authorization.`;
    throw ServiceError.of(service, service === 's3' ? 'AccessDenied' : 'SignatureDoesNotMatch', message);
  }
  const signer = signerOf(request, signature, keys, now);
  if ('refusal' in signer) throw ServiceError.of(service, signer.refusal.error, signer.refusal.message);
  const tooOld = ageRefusal(signature, service, now);
  if (tooOld) throw ServiceError.of(service, tooOld.error, tooOld.message, tooOld.details);
  if (service === 's3' && !payloadMatches(request)) {
    throw new ServiceError(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  return callerOf(signer.key);
}
