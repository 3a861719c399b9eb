import * as v from 'valibot';
import { Denied, Failure } from '../failure.ts';

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

/** The API answered, and the answer is no. */
export class ApiError extends Failure {
  readonly code: number;
  /** Absent when something that is not the API server answered, a proxy for instance. */
  readonly status: Status | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(what: string, code: number, body: unknown, retryAfter: string | undefined) {
    const status = readStatus(body);
    const said = status?.message || (typeof body === 'string' ? body.slice(0, 200) : '');
    super(`${what}: ${code} ${said}`.trim(), { passing: code === 401 || code === 408 || code === 429 || code >= 500 });
    this.code = code;
    this.status = status;
    const seconds = Number(retryAfter);
    this.retryAfterMs = retryAfter !== undefined && Number.isFinite(seconds) ? Math.max(0, seconds) * 1000 : undefined;
  }

  hasCause(reason: string): boolean {
    return this.status?.details?.causes?.some((cause) => cause.reason === reason) ?? false;
  }
}

/** The API did not answer: the network, a timeout, or an answer that nobody can read. */
export class ApiUnreachable extends Failure {
  constructor(message: string, cause: unknown) {
    super(message, { cause, passing: true });
  }
}

export function readStatus(body: unknown): Status | undefined {
  const parsed = v.safeParse(Status, body);
  return parsed.success ? parsed.output : undefined;
}

/** 403 for want of rights, as the RBAC authorizer words it; other 403s come from admission. */
export function isRbacDenial(error: ApiError): boolean {
  return error.code === 403 && / cannot [a-z]+ (resource|path) /.test(error.status?.message ?? '');
}

/** A denial becomes Denied, which ends a drain; every other error stays what it is, and can pass. */
export function deniedOr(error: unknown): unknown {
  if (!(error instanceof ApiError) || !isRbacDenial(error)) return error;
  return new Denied(error.message, {
    advice: "give the drainer's user or group the rights of infra/kubernetes/rbac.yaml",
    cause: error,
  });
}
