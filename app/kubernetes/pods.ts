import * as v from 'valibot';
import type { EvictionReply } from '../drain/cluster.ts';
import type { DoNotDisrupt, Pod } from '../drain/pod.ts';
import { printable } from '../lib/errors.ts';
import type { KubernetesClient } from './client.ts';
import { ContainerStatuses, failingOf, isRunning } from './containers.ts';
import { ApiError, asDenied, DEFAULT_RETRY_AFTER_MS, denyingWebhook, isFlowControl, isNotFound } from './errors.ts';
import { Conditions, controllerOf, isReady, Metadata } from './metadata.ts';

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
      terminationGracePeriodSeconds: v.optional(v.nullable(v.number())),
      tolerations: v.optional(
        v.nullable(
          v.array(
            v.object({ key: v.optional(v.string()), operator: v.optional(v.string()), effect: v.optional(v.string()) }),
          ),
        ),
      ),
      volumes: Volumes,
      evictionResponders: v.optional(v.nullable(v.array(v.object({ name: v.string() })))),
    }),
  ),
  status: v.optional(
    v.object({
      phase: v.optional(v.string(), 'Pending'),
      conditions: Conditions,
      startTime: v.optional(v.nullable(v.string())),
      containerStatuses: ContainerStatuses,
      initContainerStatuses: ContainerStatuses,
      ephemeralContainerStatuses: ContainerStatuses,
    }),
  ),
});
type PodObject = v.InferOutput<typeof PodObject>;

/** https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ */
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/ */
const MIN_SYSTEM_CRITICAL_PRIORITY = 2_000_000_000;

/** The API server's default. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#lifecycle */
const DEFAULT_GRACE_SECONDS = 30;

/** @throws ValiError when the object is not a pod */
export function readPod(object: unknown): Pod {
  const pod = v.parse(PodObject, object);
  const { metadata, spec, status } = pod;
  const controller = controllerOf(metadata);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels ?? {},
    ...(controller !== undefined && { controller: { kind: controller.kind, name: controller.name } }),
    mirror: metadata.annotations?.[MIRROR_ANNOTATION] !== undefined,
    phase: status?.phase ?? 'Pending',
    ready: isReady(status?.conditions),
    ...failingOf(status),
    ...(typeof metadata.deletionTimestamp === 'string' && {
      deletion: {
        deadline: Date.parse(metadata.deletionTimestamp),
        graceSeconds: metadata.deletionGracePeriodSeconds ?? 0,
      },
    }),
    finalizers: metadata.finalizers ?? [],
    graceSeconds: spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS,
    running: isRunning(status),
    critical: (spec?.priority ?? 0) >= MIN_SYSTEM_CRITICAL_PRIORITY,
    ...requestsOf(pod),
    ...(spec?.evictionResponders?.length && { responders: spec.evictionResponders.map(({ name }) => name) }),
    toleratesEverything:
      spec?.tolerations?.some(
        ({ key, operator, effect }) => !key && operator === 'Exists' && (!effect || effect === 'NoSchedule'),
      ) ?? false,
    claims: claimsOf(pod),
  };
}

/** What a pod asks of drainers, in the words of this one, Karpenter, the Cluster Autoscaler and Cluster API. */
function requestsOf(pod: PodObject): Pick<Pod, 'doNotDisrupt' | 'invalidAnnotations' | 'staysBy'> {
  const { wish, invalid } = disruptionWishOf(pod);
  const staysBy = staysByOf(pod);
  return {
    ...(wish !== undefined && { doNotDisrupt: wish }),
    invalidAnnotations: invalid,
    ...(staysBy !== undefined && { staysBy }),
  };
}

/** https://karpenter.sh/docs/concepts/disruption/#pod-level-controls */
const KARPENTER_DO_NOT_DISRUPT = 'karpenter.sh/do-not-disrupt';
/** https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md#what-types-of-pods-can-prevent-ca-from-removing-a-node */
const SAFE_TO_EVICT = 'cluster-autoscaler.kubernetes.io/safe-to-evict';
/** https://cluster-api.sigs.k8s.io/tasks/automated-machine-management/machine_deletions#pod-drain-behavior */
const CLUSTER_API_DRAIN = 'cluster.x-k8s.io/drain';

function disruptionWishOf({ metadata, status }: PodObject): { wish?: DoNotDisrupt; invalid: string[] } {
  const annotations = metadata.annotations ?? {};
  if (annotations['node-drainer/wait'] === 'true') return { wish: { source: 'node-drainer/wait' }, invalid: [] };
  if (/^(false|on-completion)$/.test(annotations[SAFE_TO_EVICT] ?? '')) {
    return { wish: { source: SAFE_TO_EVICT }, invalid: [] };
  }
  if (metadata.labels?.[CLUSTER_API_DRAIN] === 'wait-completed') {
    return { wish: { source: CLUSTER_API_DRAIN }, invalid: [] };
  }
  const value = annotations[KARPENTER_DO_NOT_DISRUPT];
  if (value === undefined || value === 'false') return { invalid: [] };
  if (value === 'true') return { wish: { source: KARPENTER_DO_NOT_DISRUPT }, invalid: [] };
  const ms = durationMs(value);
  const startedAt = Date.parse(status?.startTime ?? metadata.creationTimestamp ?? '');
  if (ms === undefined || Number.isNaN(startedAt)) {
    return { invalid: [`${KARPENTER_DO_NOT_DISRUPT}=${printable(value, 50)}`] };
  }
  return { wish: { source: KARPENTER_DO_NOT_DISRUPT, until: startedAt + ms }, invalid: [] };
}

/** A duration of Go's, such as `1h30m`, in milliseconds; undefined: it is none. https://pkg.go.dev/time#ParseDuration */
function durationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(h|m|s|ms))+$/.test(text)) return undefined;
  const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, amount = '', unit = '']) => sum + Number(amount) * (unitMs[unit] ?? 0), 0);
}

/** Pods that tolerate it by name are not drained by Karpenter, either. */
const KARPENTER_TAINT = 'karpenter.sh/disrupted';

function staysByOf({ metadata, spec }: PodObject): string | undefined {
  if (metadata.labels?.[CLUSTER_API_DRAIN] === 'skip') return `label ${CLUSTER_API_DRAIN}=skip`;
  const skip = 'node-drainer/skip';
  if (metadata.annotations?.[skip] === 'true') return `annotation ${skip}=true`;
  if (metadata.labels?.[skip] === 'true') return `label ${skip}=true`;
  const tolerates = spec?.tolerations?.some(
    ({ key, effect }) => key === KARPENTER_TAINT && (!effect || effect === 'NoSchedule'),
  );
  return tolerates ? `toleration of ${KARPENTER_TAINT}` : undefined;
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

const MIN_GRACE_SECONDS = 1;

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
 * Deletes this pod with its own grace period, but never less than a second: 0 would kill its containers. A deletion bypasses
 * disruption budgets: only when the instance would end before the pod's grace period does, or for a deadline whose policy is force.
 * @throws as `evictPod`
 */
export async function deletePod(client: KubernetesClient, pod: Pod, signal: AbortSignal): Promise<EvictionReply> {
  return replyTo(pod, () =>
    client.call({
      verb: 'delete',
      path: pathOf(pod),
      body: {
        preconditions: { uid: pod.uid },
        ...(pod.graceSeconds < MIN_GRACE_SECONDS && { gracePeriodSeconds: MIN_GRACE_SECONDS }),
      },
      signal,
    }),
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

/** Another client changed the budget's status at the same moment. */
const CONFLICT_RETRY_MS = 100;

/**
 * What an error response means for the pod. undefined: it says nothing about the pod; the API failed.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/registry/core/pod/storage/eviction.go
 */
export function replyOf(error: ApiError, pod: Pick<Pod, 'name'>): EvictionReply | undefined {
  const message = error.status?.message ?? '';
  const webhook = denyingWebhook(error);
  if (webhook !== undefined) {
    return { kind: 'refused', message: printable(message), by: { kind: 'webhook', name: printable(webhook, 253) } };
  }
  switch (error.code) {
    case 404:
      return isNotFound(error, pod.name) ? { kind: 'gone' } : undefined;
    case 409:
      // "the UID in the precondition (…)" before the deletion, "UID in precondition: …" during it. Other conflicts are about the
      // status of a budget, which may be called squid.
      return /UID in (the )?precondition/.test(message)
        ? { kind: 'replaced' }
        : { kind: 'throttled', retryAfterMs: CONFLICT_RETRY_MS };
    case 429: {
      if (isFlowControl(error)) {
        return { kind: 'throttled', retryAfterMs: error.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS };
      }
      const budget = blockingBudget(error);
      return { kind: 'blocked', ...(budget !== undefined && { budget }) };
    }
    case 500:
      return /more than one PodDisruptionBudget/.test(message)
        ? {
            kind: 'refused',
            message: 'more than one budget selects it, which the eviction API does not support',
            by: { kind: 'several budgets' },
          }
        : undefined;
    case 403:
      if (error.hasCause('NamespaceTerminating')) {
        return { kind: 'refused', message: 'its namespace is being deleted', by: { kind: 'namespace' } };
      }
      return asDenied(error) === error ? { kind: 'refused', message: printable(message) } : undefined;
    default:
      // Admission plugins may deny with any code, and may accept the pod later.
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
