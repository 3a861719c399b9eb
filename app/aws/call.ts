import { explain, Failure } from '../failure.ts';

/** A hung endpoint holds an SDK call for minutes unless told otherwise; each try gets this long instead. */
const TIMEOUTS = { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true };

/** What every AWS client is made with. The SDK retries throttling, 5xx and lost connections itself, with backoff. */
export function clientSettings(region: string) {
  return { region, maxAttempts: 4, requestHandler: TIMEOUTS };
}

/**
 * One AWS call; what it throws is turned into a Failure that says whether it may pass.
 * @param what for people: 'describe the EKS cluster prod'
 * @param action the IAM action that it takes, if it takes one
 */
export async function awsCall<T>(
  what: string,
  action: string | undefined,
  call: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    const denied = isDenial(cause);
    throw new Failure(`could not ${what}: ${explain(cause)}`, {
      cause,
      passing: !denied && isPassing(cause),
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
