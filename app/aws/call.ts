import { abortable } from '../lib/abort.ts';
import { explain, Failure } from '../lib/errors.ts';

/**
 * A hung endpoint holds an SDK call for minutes unless told otherwise; each try gets this long instead, and so does each silence
 * in the middle of an answer.
 */
const TIMEOUTS = {
  connectionTimeout: 3_000,
  requestTimeout: 10_000,
  socketTimeout: 10_000,
  throwOnRequestTimeout: true,
};

/** Longer than all tries of the SDK take. Answers that trickle, and whatever heeds no signal, are given up then. */
const CALL_WITHIN_MS = 60_000;

/** What every AWS client is made with. The SDK retries throttling, 5xx and lost connections itself, with backoff. */
export function clientSettings(region: string) {
  return { region, maxAttempts: 4, requestHandler: TIMEOUTS };
}

/**
 * One AWS call, of a minute at the most; what it throws is turned into a Failure that says whether it may pass.
 * @param what for people: 'describe the EKS cluster prod'
 * @param action the IAM action that it takes, if it takes one
 */
export async function awsCall<T>(
  what: string,
  action: string | undefined,
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  limit: AbortSignal = AbortSignal.timeout(CALL_WITHIN_MS),
): Promise<T> {
  const limited = AbortSignal.any([signal, limit]);
  try {
    return await abortable(call(limited), limited);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const cause = limit.aborted
      ? new DOMException(`no answer within ${CALL_WITHIN_MS / 1000} s`, 'TimeoutError')
      : error;
    const denied = isDenial(cause);
    throw new Failure(`could not ${what}: ${explain(cause)}`, {
      cause,
      transient: !denied && isPassing(cause),
      ...(denied && action !== undefined && { advice: `allow ${action} in the task's role, or its policy boundary` }),
    });
  }
}

/** The name of the error that an AWS service answered with. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function isDenial(error: unknown): boolean {
  return /AccessDenied|UnauthorizedOperation|NotAuthorized/.test(errorName(error));
}

/**
 * Is it not the request that is at fault? Throttling, 5xx, timeouts, the network, and credentials that could not be got
 * or that expired on the way. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (
    /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ExpiredToken|RequestExpired|CredentialsProvider|Timeout/.test(
      error.name,
    )
  ) {
    return true;
  }
  if ('$fault' in error) return error.$fault === 'server' || '$retryable' in error;
  // Not from a service at all: sockets, DNS, TLS.
  return !('$metadata' in error) || !('httpStatusCode' in Object(error.$metadata));
}
