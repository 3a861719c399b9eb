import { ApiError, internalError } from './status.ts';

/** The pod that is to be evicted or deleted. */
export type ReviewedPod = { readonly namespace: string; readonly name: string };

/** A request that the API server shows to webhooks: the creation of `pods/eviction`, or the deletion of `pods`. */
export type ReviewedOperation = 'eviction' | 'deletion';

/** The `status` of an AdmissionReview's response. What is absent, the API server fills in. */
export type Denial = { code?: number; reason?: string; message?: string; retryAfterSeconds?: number };

/** A validating admission webhook. */
export type SimulatedWebhook = {
  /** `keep.example.com` */
  name: string;
  /** What it is asked about. */
  operation: ReviewedOperation;
  /** Whether it denies the request for this pod. */
  when: (pod: ReviewedPod) => boolean;
  /** How often it denies. Default: unlimited. */
  times?: number;
  /** What it answers. `unreachable`: nobody answers, and its failurePolicy is Fail. Default: an empty status. */
  answer?: Denial | 'unreachable';
};

type Registered = { readonly webhook: SimulatedWebhook; denials: number };

/** The admission webhooks of a cluster. */
export class Webhooks {
  readonly #registered = new Set<Registered>();

  /** Registers a webhook. `denials()` returns how many requests it has denied, also after its removal. */
  add(webhook: SimulatedWebhook): { remove(): void; denials(): number } {
    const registered: Registered = { webhook, denials: 0 };
    this.#registered.add(registered);
    return { remove: () => void this.#registered.delete(registered), denials: () => registered.denials };
  }

  /** Asks every webhook. @throws ApiError when one denies the request, or must be asked and does not answer */
  review(operation: ReviewedOperation, pod: ReviewedPod): void {
    for (const registered of this.#registered) {
      const { webhook, denials } = registered;
      if (webhook.operation !== operation || denials >= (webhook.times ?? Number.POSITIVE_INFINITY)) continue;
      if (!webhook.when(pod)) continue;
      registered.denials += 1;
      throw webhook.answer === 'unreachable' ? unreachable(webhook.name) : denied(webhook.name, webhook.answer ?? {});
    }
  }
}

/**
 * ToStatusErr: a code below 400 becomes 400, and reason and details are only those that the webhook gave.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go
 */
function denied(webhook: string, { code = 0, reason, message = '', retryAfterSeconds }: Denial): ApiError {
  const deniedBy = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const why = message === '' ? (reason ?? '') : message;
  const details = retryAfterSeconds === undefined ? undefined : { retryAfterSeconds };
  return new ApiError(
    code < 400 ? 400 : code,
    reason,
    why === '' ? `${deniedBy} without explanation` : `${deniedBy}: ${why}`,
    details,
  );
}

/**
 * ErrCallingWebhook, as an internal error.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/util/webhook/error.go
 */
function unreachable(webhook: string): ApiError {
  const post = `Post "https://${webhook}:443/?timeout=10s": dial tcp 10.96.0.7:443: connect: connection refused`;
  return internalError(`failed calling webhook ${JSON.stringify(webhook)}: failed to call webhook: ${post}`);
}
