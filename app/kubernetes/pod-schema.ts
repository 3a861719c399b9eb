import * as v from 'valibot';
import type { Pod } from '../drain/pod.ts';
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
    ...asksForTime(metadata.annotations ?? {}),
    toleratesEverything:
      spec?.tolerations?.some(
        ({ key, operator, effect }) => !key && operator === 'Exists' && (!effect || effect === 'NoSchedule'),
      ) ?? false,
    claims: claimsOf(pod),
  };
}

function asksForTime(annotations: Readonly<Record<string, string>>): { asksForTime?: string } {
  const [asks] = TIME_ANNOTATIONS.filter(([key, value]) => annotations[key] === value);
  return asks === undefined ? {} : { asksForTime: asks[0] };
}

/** https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming */
function claimsOf({ metadata, spec }: PodObject): string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });
}
