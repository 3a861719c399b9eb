import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { abortable } from '../lib/abort.ts';
import { explain, Failure } from '../lib/errors.ts';
import { ProxyFailure } from '../lib/tunnel.ts';

/**
 * By default a hung endpoint blocks an SDK call for minutes. These limit each attempt, and each silence in the middle of a
 * response.
 */
const ATTEMPT_TIMEOUTS = {
  connectionTimeout: 3_000,
  requestTimeout: 10_000,
  socketTimeout: 10_000,
  throwOnRequestTimeout: true,
};

/** Longer than all attempts of the SDK take. Ends responses that trickle, and work that ignores the abort signal. */
const CALL_TIMEOUT_MS = 60_000;

/** How AWS clients connect through proxies. */
export type ConnectionSettings = {
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
};

/** Which AWS region is called, and how it is reached. */
export type AwsRegion = {
  readonly name: string;
  /** Absent: without a proxy. */
  readonly connections?: ConnectionSettings;
};

/** The configuration of every AWS client. The SDK retries throttling, 5xx and lost connections itself, with backoff. */
export function clientSettings({ name, connections }: AwsRegion) {
  return { region: name, maxAttempts: 4, requestHandler: { ...ATTEMPT_TIMEOUTS, ...connections } };
}

/**
 * Makes one AWS call, limited to a minute.
 * @param what for people: 'describe the EKS cluster prod'
 * @param action the IAM action that the call needs; undefined: none
 * @throws Failure that says whether the error is transient, and which IAM action to allow; the reason of the signal
 */
export async function awsCall<T>(
  what: string,
  action: string | undefined,
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  timeout: AbortSignal = AbortSignal.timeout(CALL_TIMEOUT_MS),
): Promise<T> {
  const limited = AbortSignal.any([signal, timeout]);
  try {
    return await abortable(call(limited), limited);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const cause = timeout.aborted
      ? new DOMException(`no answer within ${CALL_TIMEOUT_MS / 1000} s`, 'TimeoutError')
      : error;
    const denied = isDenial(cause);
    throw new Failure(`could not ${what}: ${explain(cause)}`, {
      cause,
      transient: cause instanceof ProxyFailure ? cause.transient : !denied && isTransientError(cause),
      ...(denied &&
        action !== undefined && { advice: `allow ${action} in the IAM role, and in its permissions boundary` }),
    });
  }
}

/** The name of an AWS error: `ThrottlingException`; empty for anything else. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function isDenial(error: unknown): boolean {
  return /AccessDenied|UnauthorizedOperation|NotAuthorized/.test(errorName(error));
}

/**
 * Throttling, 5xx, timeouts, network errors, and credentials that could not be loaded or expired on the way: the request
 * itself is not wrong. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
function isTransientError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (
    /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ExpiredToken|RequestExpired|CredentialsProvider|Timeout/.test(
      error.name,
    )
  ) {
    return true;
  }
  if ('$fault' in error) return error.$fault === 'server' || '$retryable' in error;
  // No service answered: sockets, DNS, TLS.
  return !('$metadata' in error) || !('httpStatusCode' in Object(error.$metadata));
}
