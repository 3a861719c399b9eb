import type { EvictionReply } from '../drain/cluster.ts';
import type { Pod } from '../drain/pod.ts';
import { printable } from '../printable.ts';
import type { Api } from './api.ts';
import { ApiError, deniedOr, isFlowControl, isNotFound } from './status.ts';

/** `policy/v1` or `policy/v1beta1`, as discovery says. */
export type PolicyVersion = string;

const SLOW_DOWN_MS = 1_000;

/**
 * Asks the API to evict this very pod, and no other that may bear its name by now.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 *
 * @throws Denied without the right to, ApiError on 5xx and 401, ApiUnreachable when nothing answers
 */
export async function evict(api: Api, version: PolicyVersion, pod: Pod, signal: AbortSignal): Promise<EvictionReply> {
  return replyTo(pod, () =>
    api.call({
      verb: 'create',
      path: `${pathOf(pod)}/eviction`,
      body: {
        apiVersion: version,
        kind: 'Eviction',
        metadata: { name: pod.name, namespace: pod.namespace },
        deleteOptions: { preconditions: { uid: pod.uid } },
      },
      signal,
    }),
  );
}

/**
 * Deletes this very pod with its own grace period. Budgets are not asked: only for a deadline whose policy is force.
 * @throws as `evict`
 */
export async function remove(api: Api, pod: Pod, signal: AbortSignal): Promise<EvictionReply> {
  return replyTo(pod, () =>
    api.call({ verb: 'delete', path: pathOf(pod), body: { preconditions: { uid: pod.uid } }, signal }),
  );
}

async function replyTo(pod: Pod, ask: () => Promise<unknown>): Promise<EvictionReply> {
  try {
    await ask();
    return { kind: 'accepted' };
  } catch (error) {
    const reply = error instanceof ApiError ? replyOf(error, pod) : undefined;
    if (reply !== undefined) return reply;
    throw deniedOr(error);
  }
}

/**
 * What an answer that is not 2xx means for the pod; undefined: it is no answer, but a failure of the API.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/registry/core/pod/storage/eviction.go
 */
export function replyOf(error: ApiError, pod: Pick<Pod, 'name'>): EvictionReply | undefined {
  const message = error.status?.message ?? '';
  switch (error.code) {
    case 404:
      return isNotFound(error, pod.name) ? { kind: 'gone' } : undefined;
    case 409:
      return /uid/i.test(message) ? { kind: 'replaced' } : undefined;
    case 429: {
      if (isFlowControl(error)) return { kind: 'throttled', retryAfterMs: error.retryAfterMs ?? SLOW_DOWN_MS };
      const budget = budgetNamed(error);
      return { kind: 'blocked', ...(budget !== undefined && { budget }) };
    }
    case 500:
      return /more than one PodDisruptionBudget/.test(message)
        ? { kind: 'refused', message: 'more than one budget selects it, which the eviction API does not support' }
        : undefined;
    case 403:
      if (error.hasCause('NamespaceTerminating')) return { kind: 'refused', message: 'its namespace is being deleted' };
      return deniedOr(error) === error ? { kind: 'refused', message: printable(message) } : undefined;
    default:
      // A webhook may deny with any code it likes, and change its mind.
      return error.code < 500 && error.code !== 401 && error.code !== 408 && error.status !== undefined
        ? { kind: 'refused', message: printable(message) }
        : undefined;
  }
}

function budgetNamed(error: ApiError): string | undefined {
  for (const { reason, message } of error.status?.details?.causes ?? []) {
    if (reason === 'DisruptionBudget') return / disruption budget (\S+) /.exec(message ?? '')?.[1];
  }
  return undefined;
}

function pathOf({ namespace, name }: Pod): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}
