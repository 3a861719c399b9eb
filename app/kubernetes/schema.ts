import * as v from 'valibot';
import type { Budget, Requirement, Selector } from '../drain/budget.ts';
import type { Pod } from '../drain/pod.ts';
import type { Candidate } from '../find-node.ts';

const StringMap = v.optional(v.nullable(v.record(v.string(), v.string())));
const Count = v.optional(v.number(), 0);
const Metadata = v.object({
  uid: v.string(),
  name: v.string(),
  namespace: v.optional(v.string(), ''),
  resourceVersion: v.optional(v.string(), ''),
  generation: v.optional(v.number()),
  labels: StringMap,
  annotations: StringMap,
  deletionTimestamp: v.optional(v.nullable(v.string())),
  deletionGracePeriodSeconds: v.optional(v.number()),
  finalizers: v.optional(v.nullable(v.array(v.string()))),
  ownerReferences: v.optional(
    v.nullable(v.array(v.object({ kind: v.string(), name: v.string(), controller: v.optional(v.boolean()) }))),
  ),
});

const Conditions = v.optional(v.nullable(v.array(v.object({ type: v.string(), status: v.string() }))));

const PodObject = v.object({
  metadata: Metadata,
  status: v.optional(v.object({ phase: v.optional(v.string(), 'Pending'), conditions: Conditions })),
});

/** https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ */
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** @throws when the API sends something that is no pod */
export function readPod(object: unknown): Pod {
  const { metadata, status } = v.parse(PodObject, object);
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels ?? {},
    ...(controller !== undefined && { controller: { kind: controller.kind, name: controller.name } }),
    mirror: metadata.annotations?.[MIRROR_ANNOTATION] !== undefined,
    phase: status?.phase ?? 'Pending',
    ready: status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
    ...(typeof metadata.deletionTimestamp === 'string' && {
      deletion: {
        deadline: Date.parse(metadata.deletionTimestamp),
        graceSeconds: metadata.deletionGracePeriodSeconds ?? 0,
      },
    }),
    finalizers: metadata.finalizers ?? [],
  };
}

const SelectorObject = v.object({
  matchLabels: StringMap,
  matchExpressions: v.optional(
    v.nullable(
      v.array(v.object({ key: v.string(), operator: v.string(), values: v.optional(v.nullable(v.array(v.string()))) })),
    ),
  ),
});

const BudgetObject = v.object({
  metadata: Metadata,
  spec: v.object({
    selector: v.optional(v.nullable(SelectorObject)),
    unhealthyPodEvictionPolicy: v.optional(v.string(), 'IfHealthyBudget'),
  }),
  status: v.optional(
    v.object({
      observedGeneration: Count,
      disruptionsAllowed: Count,
      currentHealthy: Count,
      desiredHealthy: Count,
      expectedPods: Count,
      disruptedPods: v.optional(v.nullable(v.record(v.string(), v.unknown()))),
    }),
  ),
});

/**
 * @param version the API version that it was read with: an empty selector selects all pods in policy/v1, and none in
 *   policy/v1beta1 (https://kubernetes.io/docs/reference/using-api/deprecation-guide/#poddisruptionbudget-v125)
 * @throws when the API sends something that is no budget
 */
export function readBudget(object: unknown, version: string): Budget {
  const { metadata, spec, status } = v.parse(BudgetObject, object);
  const upToDate = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    selector: readSelector(spec.selector, version),
    allowed: upToDate ? (status?.disruptionsAllowed ?? 0) : 0,
    healthy: status?.currentHealthy ?? 0,
    desired: status?.desiredHealthy ?? 0,
    expected: status?.expectedPods ?? 0,
    counted: new Set(Object.keys(status?.disruptedPods ?? {})),
    unhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy,
  };
}

function readSelector(selector: v.InferOutput<typeof SelectorObject> | null | undefined, version: string): Selector {
  if (selector === null || selector === undefined) return undefined;
  const requirements: Requirement[] = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, operator: 'In', values: [value] })),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values }) => ({ key, operator, values: values ?? [] })),
  ];
  return requirements.length === 0 && version === 'policy/v1beta1' ? undefined : requirements;
}

const NodeObject = v.object({
  metadata: Metadata,
  spec: v.optional(v.object({ providerID: v.optional(v.string(), '') })),
});

/** @throws when the API sends something that is no node */
export function readNode(object: unknown): Candidate {
  const { metadata, spec } = v.parse(NodeObject, object);
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    providerID: spec?.providerID ?? '',
  };
}

const ListObject = v.object({
  metadata: v.object({ resourceVersion: v.optional(v.string(), ''), continue: v.optional(v.string(), '') }),
  items: v.nullable(v.array(v.unknown())),
});

/** A list of whatever `read` reads. */
export function readList<T>(
  object: unknown,
  read: (item: unknown) => T,
): { items: T[]; resourceVersion: string; more: string } {
  const { metadata, items } = v.parse(ListObject, object);
  return { items: (items ?? []).map(read), resourceVersion: metadata.resourceVersion, more: metadata.continue };
}

const WatchObject = v.object({ type: v.string(), object: v.unknown() });
const Versioned = v.object({ metadata: v.object({ resourceVersion: v.string() }) });

/** One line of a watch. */
export function readWatchEvent(line: string): { type: string; object: unknown } {
  return v.parse(WatchObject, JSON.parse(line));
}

export function resourceVersionOf(object: unknown): string {
  return v.parse(Versioned, object).metadata.resourceVersion;
}
