import * as v from 'valibot';
import type { Deployment } from '../drain/deployment.ts';
import { nameOf, type Pod } from '../drain/pod.ts';
import { getOptional, type KubernetesClient } from './client.ts';
import { asDenied, denyingWebhook, isConflict, isNotFound, parseResponse } from './errors.ts';
import type { Collection } from './list-watch.ts';
import { controllerOf, Metadata, StringMap } from './metadata.ts';

/** What `kubectl rollout restart` sets, so that `kubectl rollout history` and people understand it. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

/** The largest 32-bit number stands for no deadline. */
const NO_DEADLINE = 2_147_483_647;

const Amount = v.union([v.number(), v.string()]);
const Conditions = v.array(v.object({ type: v.string(), status: v.string(), reason: v.optional(v.string()) }));
const DeploymentObject = v.object({
  metadata: Metadata,
  spec: v.object({
    replicas: v.optional(v.number(), 1),
    paused: v.optional(v.boolean(), false),
    progressDeadlineSeconds: v.optional(v.number(), NO_DEADLINE),
    strategy: v.optional(
      v.object({
        type: v.optional(v.string(), 'RollingUpdate'),
        rollingUpdate: v.optional(
          v.nullable(v.object({ maxSurge: v.optional(Amount), maxUnavailable: v.optional(Amount) })),
        ),
      }),
      {},
    ),
    template: v.object({ metadata: v.optional(v.nullable(v.object({ annotations: StringMap }))) }),
  }),
  status: v.optional(
    v.object({
      observedGeneration: v.optional(v.number(), 0),
      replicas: v.optional(v.number(), 0),
      updatedReplicas: v.optional(v.number(), 0),
      availableReplicas: v.optional(v.number(), 0),
      conditions: v.optional(v.nullable(Conditions)),
    }),
    {},
  ),
});

const ReplicaSetObject = v.object({ metadata: Metadata, spec: v.object({ replicas: v.optional(v.number(), 1) }) });

/** @throws when it is no Deployment of apps/v1 */
export function readDeployment(object: unknown): Deployment {
  const { metadata, spec, status } = v.parse(DeploymentObject, object);
  const restartedAt = Date.parse(spec.template.metadata?.annotations?.[RESTARTED_AT] ?? '');
  const progress = status.conditions?.find(({ type }) => type === 'Progressing');
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    generation: metadata.generation ?? 0,
    replicas: spec.replicas,
    paused: spec.paused,
    strategy: strategyOf(spec.strategy, spec.replicas),
    restartedAt: Number.isNaN(restartedAt) ? undefined : restartedAt,
    progressDeadlineSeconds:
      spec.progressDeadlineSeconds >= NO_DEADLINE ? Number.POSITIVE_INFINITY : spec.progressDeadlineSeconds,
    status: {
      observedGeneration: status.observedGeneration,
      replicas: status.replicas,
      updated: status.updatedReplicas,
      available: status.availableReplicas,
      stalled: progress?.status === 'False' && progress.reason === 'ProgressDeadlineExceeded',
    },
  };
}

/**
 * The surge is rounded up, what may be unavailable down; when both come to 0, one may be unavailable.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/deployment/util/deployment_util.go (ResolveFenceposts)
 */
function strategyOf(
  { type, rollingUpdate }: v.InferOutput<typeof DeploymentObject>['spec']['strategy'],
  replicas: number,
): Deployment['strategy'] {
  if (type !== 'RollingUpdate') return 'Recreate';
  const { maxSurge = '25%', maxUnavailable = '25%' } = rollingUpdate ?? {};
  const surge = podsOf(maxSurge, replicas, Math.ceil);
  const unavailable = podsOf(maxUnavailable, replicas, Math.floor);
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas) };
}

function podsOf(amount: number | string, replicas: number, round: (value: number) => number): number {
  if (typeof amount === 'number') return amount;
  const share = Number.parseInt(amount, 10);
  return Number.isNaN(share) ? 0 : round((share * replicas) / 100);
}

/**
 * The Deployment of this pod's ReplicaSet.
 * @returns `podsWanted`: how many pods that ReplicaSet keeps; undefined: the pod has no Deployment
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function readDeploymentOf(
  client: KubernetesClient,
  { controller, namespace }: Pod,
  signal: AbortSignal,
): Promise<{ readonly deployment: Deployment; readonly podsWanted: number } | undefined> {
  if (controller?.kind !== 'ReplicaSet') return undefined;
  const sets = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
  const set = await getOptional(client, sets, controller.name, signal);
  if (set === undefined) return undefined;
  const { metadata, spec } = parseResponse(`get ReplicaSet ${nameOf({ namespace, name: controller.name })}`, () =>
    v.parse(ReplicaSetObject, set),
  );
  const owner = controllerOf(metadata);
  if (owner?.kind !== 'Deployment') return undefined;
  const deployment = await getOptional(client, pathOf(namespace), owner.name, signal);
  if (deployment === undefined) return undefined;
  const read = () => readDeployment(deployment);
  return {
    deployment: parseResponse(`get Deployment ${nameOf({ namespace, name: owner.name })}`, read),
    podsWanted: spec.replicas,
  };
}

/**
 * Restarts the Deployment as `kubectl rollout restart` does, if nobody has changed it since it was read.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/kubectl/pkg/polymorphichelpers/objectrestarter.go
 *
 * @param at the instant that the annotation tells, in milliseconds since the epoch
 * @returns the Deployment after that; `changed`: it has changed meanwhile, or is gone
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function restartDeployment(
  client: KubernetesClient,
  { name, namespace, resourceVersion }: Deployment,
  at: number,
  signal: AbortSignal,
): Promise<Deployment | 'changed'> {
  const annotations = { [RESTARTED_AT]: new Date(at).toISOString() };
  const body = { metadata: { resourceVersion }, spec: { template: { metadata: { annotations } } } };
  const contentType = 'application/merge-patch+json';
  try {
    const path = `${pathOf(namespace)}/${encodeURIComponent(name)}`;
    const patched = await client.call({ verb: 'patch', path, contentType, body, signal });
    return parseResponse(`patch Deployment ${nameOf({ namespace, name })}`, () => readDeployment(patched));
  } catch (error) {
    if (isNotFound(error, name)) return 'changed';
    if (isConflict(error) && denyingWebhook(error) === undefined) return 'changed';
    throw asDenied(error);
  }
}

/** One Deployment, for a watch. */
export function deploymentCollection({ name, namespace }: Deployment): Collection<Deployment> {
  return {
    name: `Deployment ${nameOf({ namespace, name })}`,
    path: `${pathOf(namespace)}?fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`,
    read: readDeployment,
  };
}

function pathOf(namespace: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments`;
}
