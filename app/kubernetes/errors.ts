import * as v from 'valibot';
import { Denied, explain, Failure, printable } from '../lib/errors.ts';

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
const Status = v.object({
  kind: v.literal('Status'),
  code: v.optional(v.number()),
  message: v.optional(v.string(), ''),
  reason: v.optional(v.string(), ''),
  details: v.optional(
    v.object({
      name: v.optional(v.string()),
      kind: v.optional(v.string()),
      retryAfterSeconds: v.optional(v.number()),
      causes: v.optional(v.array(v.object({ reason: v.optional(v.string()), message: v.optional(v.string()) }))),
    }),
  ),
});
export type Status = v.InferOutput<typeof Status>;

export function readStatus(body: unknown): Status | undefined {
  const parsed = v.safeParse(Status, body);
  return parsed.success ? parsed.output : undefined;
}

/** Transient besides 5xx. 410: the continue token of a paged list has expired; a new list succeeds. */
const TRANSIENT_CODES: ReadonlySet<number> = new Set([401, 408, 410, 429]);

/** API servers ask for seconds. A proxy that asks for hours would delay the drain until the instance is terminated. */
const MAX_RETRY_AFTER_MS = 30_000;

/** The pause after flow control without Retry-After. */
export const DEFAULT_RETRY_AFTER_MS = 1_000;

/** The API responded with an error. */
export class ApiError extends Failure {
  readonly code: number;
  /** Absent when the response does not come from the API server but, for example, from a proxy. */
  readonly status: Status | undefined;

  constructor(what: string, code: number, body: unknown, retryAfter: string | undefined) {
    const status = readStatus(body);
    const text =
      status === undefined ? printable(typeof body === 'string' ? body : '', 200) : printable(status.message);
    super(`${what}: ${code} ${text}`.trim(), {
      transient: TRANSIENT_CODES.has(code) || code >= 500,
      retryAfterMs: retryAfterMsOf(retryAfter),
    });
    this.code = code;
    this.status = status;
  }

  hasCause(reason: string): boolean {
    return this.status?.details?.causes?.some((cause) => cause.reason === reason) ?? false;
  }
}

/** @param retryAfter the header; API servers send seconds, with 429 and with 5xx */
function retryAfterMsOf(retryAfter: string | undefined): number | undefined {
  const seconds = Number(retryAfter);
  if (retryAfter === undefined || !Number.isFinite(seconds)) return undefined;
  return Math.min(Math.max(0, seconds) * 1000, MAX_RETRY_AFTER_MS);
}

/** The API did not respond: network, TLS, timeout, or an unreadable response. */
export class ApiUnreachable extends Failure {
  constructor(message: string, cause: unknown, advice?: string) {
    super(message, { cause, transient: true, ...(advice !== undefined && { advice }) });
  }
}

/** The response is not one of an API server: not JSON, not the expected object, or incomplete. */
export class UnreadableResponse extends ApiUnreachable {
  constructor(what: string, cause: unknown) {
    super(`${what}: unreadable response (${explain(cause)})`, cause);
  }
}

/** Parses a response. @throws UnreadableResponse for malformed input; programming errors such as TypeError as they are */
export function parseResponse<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isProgrammingError(cause)) throw cause;
    throw new UnreadableResponse(what, cause);
  }
}

function isProgrammingError(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError;
}

/**
 * Does the API server itself say that no object of this name exists? A 404 from a proxy, for a wrong path, or for the namespace of
 * the object proves nothing about the object.
 * https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/api/errors/errors.go (NewNotFound)
 */
export function isNotFound(error: unknown, name: string): error is ApiError {
  if (!(error instanceof ApiError) || error.code !== 404) return false;
  return error.status?.reason === 'NotFound' && error.status.details?.name === name;
}

/** Has the object been changed since it was read, or is there one of this name already? */
export function isConflict(error: unknown): error is ApiError {
  return error instanceof ApiError && error.code === 409;
}

/** A patch of an object with another UID is invalid (422); an update with one would be a conflict (409). */
export function isOtherUid(error: unknown): boolean {
  return error instanceof ApiError && error.code === 422 && /metadata\.uid/.test(error.status?.message ?? '');
}

/**
 * 429 has two meanings: a disruption budget refuses the eviction (then the cause is DisruptionBudget), or the API server is
 * overloaded.
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
export function isFlowControl(error: ApiError): boolean {
  return error.code === 429 && !error.hasCause('DisruptionBudget') && denyingWebhook(error) === undefined;
}

/**
 * The admission webhook because of which the request was refused: it denied it, or it must be asked and does not answer. Only the
 * words say so, because a webhook may choose any code. KubeVirt's answers 429.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/util/webhook/error.go
 */
export function denyingWebhook(error: ApiError): string | undefined {
  return /(?:admission|failed calling) webhook "([^"]*)"/.exec(error.status?.message ?? '')?.[1];
}

/** A 403 in the words of the RBAC authorizer: a permission is missing. Other 403s come from admission, in any words. */
export function isRbacDenial(error: ApiError): boolean {
  if (error.code !== 403 || denyingWebhook(error) !== undefined) return false;
  return / cannot [a-z]+ (resource|path) /.test(error.status?.message ?? '');
}

/** Turns an RBAC denial into Denied, which ends a drain. Returns every other error unchanged. */
export function asDenied(error: unknown): unknown {
  if (!(error instanceof ApiError) || !isRbacDenial(error)) return error;
  return new Denied(error.message, {
    advice: "grant the drainer's user or group the permissions in infra/kubernetes/rbac.yaml",
    cause: error,
  });
}
