import * as v from 'valibot';
import type { EvictionReply } from '../drain/cluster.ts';
import type { Pod } from '../drain/pod.ts';
import { printable } from '../lib/errors.ts';
import type { KubernetesClient } from './client.ts';
import { ApiError, asDenied, isFlowControl, isNotFound } from './errors.ts';
import { Conditions, isReady, Metadata } from './metadata.ts';

/** `policy/v1` or `policy/v1beta1`, as discovery says. */
export type PolicyVersion = string;

const SLOW_DOWN_MS = 1_000;

/**
 * Asks the API to evict this very pod, and no other that may bear its name by now.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 *
 * @throws Denied without the right to, ApiError on 5xx and 401, ApiUnreachable when nothing answers
 */
export async function evictPod(
  api: KubernetesClient,
  version: PolicyVersion,
  pod: Pod,
  signal: AbortSignal,
): Promise<EvictionReply> {
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
export async function deletePod(api: KubernetesClient, pod: Pod, signal: AbortSignal): Promise<EvictionReply> {
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
    throw asDenied(error);
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
      return asDenied(error) === error ? { kind: 'refused', message: printable(message) } : undefined;
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

const ContainerStatuses = v.optional(
  v.nullable(v.array(v.object({ state: v.optional(v.object({ terminated: v.optional(v.unknown()) })) }))),
);
const Volumes = v.optional(
  v.nullable(
    v.array(
      v.object({
        name: v.string(),
        persistentVolumeClaim: v.optional(v.object({ claimName: v.string() })),
        ephemeral: v.optional(v.unknown()),
      }),
    ),
  ),
);

const PodObject = v.object({
  metadata: Metadata,
  spec: v.optional(
    v.object({
      priority: v.optional(v.number()),
      tolerations: v.optional(
        v.nullable(
          v.array(
            v.object({ key: v.optional(v.string()), operator: v.optional(v.string()), effect: v.optional(v.string()) }),
          ),
        ),
      ),
      volumes: Volumes,
    }),
  ),
  status: v.optional(
    v.object({
      phase: v.optional(v.string(), 'Pending'),
      conditions: Conditions,
      containerStatuses: ContainerStatuses,
    }),
  ),
});
type PodObject = v.InferOutput<typeof PodObject>;

/** https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ */
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/ */
const SYSTEM_CRITICAL = 2_000_000_000;

/** Ours, Karpenter's and the cluster autoscaler's way of asking not to be disturbed. */
const TIME_ANNOTATIONS = [
  ['node-drainer/wait', 'true'],
  ['karpenter.sh/do-not-disrupt', 'true'],
  ['cluster-autoscaler.kubernetes.io/safe-to-evict', 'false'],
] as const;

/** @throws when the API sends something that is no pod */
export function readPod(object: unknown): Pod {
  const pod = v.parse(PodObject, object);
  const { metadata, spec, status } = pod;
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels ?? {},
    ...(controller !== undefined && { controller: { kind: controller.kind, name: controller.name } }),
    mirror: metadata.annotations?.[MIRROR_ANNOTATION] !== undefined,
    phase: status?.phase ?? 'Pending',
    ready: isReady(status?.conditions),
    ...(typeof metadata.deletionTimestamp === 'string' && {
      deletion: {
        deadline: Date.parse(metadata.deletionTimestamp),
        graceSeconds: metadata.deletionGracePeriodSeconds ?? 0,
      },
    }),
    finalizers: metadata.finalizers ?? [],
    running: (status?.containerStatuses ?? []).some(({ state }) => state?.terminated === undefined),
    critical: (spec?.priority ?? 0) >= SYSTEM_CRITICAL,
    ...doNotDisrupt(metadata.annotations ?? {}),
    toleratesEverything:
      spec?.tolerations?.some(
        ({ key, operator, effect }) => !key && operator === 'Exists' && (!effect || effect === 'NoSchedule'),
      ) ?? false,
    claims: claimsOf(pod),
  };
}

function doNotDisrupt(annotations: Readonly<Record<string, string>>): { doNotDisrupt?: string } {
  const [asks] = TIME_ANNOTATIONS.filter(([key, value]) => annotations[key] === value);
  return asks === undefined ? {} : { doNotDisrupt: asks[0] };
}

/** https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming */
function claimsOf({ metadata, spec }: PodObject): string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });
}
