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

/** 410: the list that was being read page by page is too old by now; begun again, it is there. */
const PASSING: ReadonlySet<number> = new Set([401, 408, 410, 429]);

/** API servers ask for seconds. Whoever asks for hours stands in between, and would hold up the drain until its instance is gone. */
const LONGEST_PAUSE_MS = 30_000;

/** The API answered, and the answer is no. */
export class ApiError extends Failure {
  readonly code: number;
  /** Absent when something that is not the API server answered, a proxy for instance. */
  readonly status: Status | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(what: string, code: number, body: unknown, retryAfter: string | undefined) {
    const status = readStatus(body);
    const said =
      status === undefined ? printable(typeof body === 'string' ? body : '', 200) : printable(status.message);
    super(`${what}: ${code} ${said}`.trim(), { transient: PASSING.has(code) || code >= 500 });
    this.code = code;
    this.status = status;
    const seconds = Number(retryAfter);
    this.retryAfterMs =
      retryAfter !== undefined && Number.isFinite(seconds)
        ? Math.min(Math.max(0, seconds) * 1000, LONGEST_PAUSE_MS)
        : undefined;
  }

  hasCause(reason: string): boolean {
    return this.status?.details?.causes?.some((cause) => cause.reason === reason) ?? false;
  }
}

/** The API did not answer: the network, TLS, a timeout, or an answer that nobody can read. */
export class ApiUnreachable extends Failure {
  constructor(message: string, cause: unknown, advice?: string) {
    super(message, { cause, transient: true, ...(advice !== undefined && { advice }) });
  }
}

/** Somebody answered, but not as an API server does: no JSON, not the object that was asked for, or no end of it. */
export class UnreadableResponse extends ApiUnreachable {
  constructor(what: string, cause: unknown) {
    super(`${what}: an answer that cannot be read (${explain(cause)})`, cause);
  }
}

/** What `read` makes of an answer. @throws UnreadableResponse for malformed input; a TypeError and the like are bugs of ours */
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

export function readStatus(body: unknown): Status | undefined {
  const parsed = v.safeParse(Status, body);
  return parsed.success ? parsed.output : undefined;
}

/**
 * Does the API server itself say that there is no object of this name? The 404 of a proxy, of a wrong path, or for the namespace
 * that the object would be in, says nothing about the object.
 * https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/api/errors/errors.go (NewNotFound)
 */
export function isNotFound(error: unknown, name: string): error is ApiError {
  if (!(error instanceof ApiError) || error.code !== 404) return false;
  return error.status?.reason === 'NotFound' && error.status.details?.name === name;
}

/**
 * 429 says two things: a budget refuses (the cause says so), or the API server is busy.
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
export function isFlowControl(error: ApiError): boolean {
  return error.code === 429 && !error.hasCause('DisruptionBudget');
}

/** 403 for want of rights, as the RBAC authorizer words it; other 403s come from admission. */
export function isRbacDenial(error: ApiError): boolean {
  return error.code === 403 && / cannot [a-z]+ (resource|path) /.test(error.status?.message ?? '');
}

/** A denial becomes Denied, which ends a drain; every other error stays what it is, and can pass. */
export function asDenied(error: unknown): unknown {
  if (!(error instanceof ApiError) || !isRbacDenial(error)) return error;
  return new Denied(error.message, {
    advice: "give the drainer's user or group the rights of infra/kubernetes/rbac.yaml",
    cause: error,
  });
}
