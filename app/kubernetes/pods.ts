import * as v from 'valibot';
import type { EvictionReply } from '../drain/cluster.ts';
import type { Pod } from '../drain/pod.ts';
import { printable } from '../lib/errors.ts';
import type { KubernetesClient } from './client.ts';
import { ApiError, asDenied, DEFAULT_RETRY_AFTER_MS, isFlowControl, isNotFound } from './errors.ts';
import { Conditions, isReady, Metadata } from './metadata.ts';

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
const MIN_SYSTEM_CRITICAL_PRIORITY = 2_000_000_000;

/** The annotations of the drainer, Karpenter and the Cluster Autoscaler that protect a pod from disruption. */
const DO_NOT_DISRUPT_ANNOTATIONS = [
  ['node-drainer/wait', 'true'],
  ['karpenter.sh/do-not-disrupt', 'true'],
  ['cluster-autoscaler.kubernetes.io/safe-to-evict', 'false'],
] as const;

/** @throws ValiError when the object is not a pod */
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
    critical: (spec?.priority ?? 0) >= MIN_SYSTEM_CRITICAL_PRIORITY,
    ...doNotDisrupt(metadata.annotations ?? {}),
    toleratesEverything:
      spec?.tolerations?.some(
        ({ key, operator, effect }) => !key && operator === 'Exists' && (!effect || effect === 'NoSchedule'),
      ) ?? false,
    claims: claimsOf(pod),
  };
}

function doNotDisrupt(annotations: Readonly<Record<string, string>>): { doNotDisrupt?: string } {
  const found = DO_NOT_DISRUPT_ANNOTATIONS.find(([key, value]) => annotations[key] === value);
  return found === undefined ? {} : { doNotDisrupt: found[0] };
}

/**
 * The PersistentVolumeClaims of a pod. A generic ephemeral volume has one named after pod and volume.
 * https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming
 */
function claimsOf({ metadata, spec }: PodObject): string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });
}

/** `policy/v1` or `policy/v1beta1`, as discovered. */
export type PolicyVersion = string;

/**
 * Requests the eviction of this pod. The UID is a precondition: a new pod of the same name is not evicted.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 *
 * @throws Denied when the RBAC permission is missing, ApiError on 5xx and 401, ApiUnreachable when there is no response
 */
export async function evictPod(
  client: KubernetesClient,
  version: PolicyVersion,
  pod: Pod,
  signal: AbortSignal,
): Promise<EvictionReply> {
  return replyTo(pod, () =>
    client.call({
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
 * Deletes this pod with its own grace period. A deletion bypasses disruption budgets: only for a deadline whose policy is force.
 * @throws as `evictPod`
 */
export async function deletePod(client: KubernetesClient, pod: Pod, signal: AbortSignal): Promise<EvictionReply> {
  return replyTo(pod, () =>
    client.call({ verb: 'delete', path: pathOf(pod), body: { preconditions: { uid: pod.uid } }, signal }),
  );
}

function pathOf({ namespace, name }: Pod): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

async function replyTo(pod: Pod, send: () => Promise<unknown>): Promise<EvictionReply> {
  try {
    await send();
    return { kind: 'accepted' };
  } catch (error) {
    const reply = error instanceof ApiError ? replyOf(error, pod) : undefined;
    if (reply !== undefined) return reply;
    throw asDenied(error);
  }
}

/**
 * What an error response means for the pod. undefined: it says nothing about the pod; the API failed.
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
      if (isFlowControl(error)) {
        return { kind: 'throttled', retryAfterMs: error.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS };
      }
      const budget = blockingBudget(error);
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
      // An admission webhook may deny with any code, and may accept the pod later.
      return error.code < 500 && error.code !== 401 && error.code !== 408 && error.status !== undefined
        ? { kind: 'refused', message: printable(message) }
        : undefined;
  }
}

/** The name of the budget that refuses the eviction: it stands only in the message of the cause. */
function blockingBudget(error: ApiError): string | undefined {
  for (const { reason, message } of error.status?.details?.causes ?? []) {
    if (reason === 'DisruptionBudget') return / disruption budget (\S+) /.exec(message ?? '')?.[1];
  }
  return undefined;
}
