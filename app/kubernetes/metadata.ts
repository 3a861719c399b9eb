import * as v from 'valibot';

export const StringMap = v.optional(v.nullable(v.record(v.string(), v.string())));
export const Metadata = v.object({
  uid: v.string(),
  name: v.string(),
  namespace: v.optional(v.string(), ''),
  resourceVersion: v.optional(v.string(), ''),
  generation: v.optional(v.number()),
  labels: StringMap,
  annotations: StringMap,
  creationTimestamp: v.optional(v.nullable(v.string())),
  deletionTimestamp: v.optional(v.nullable(v.string())),
  deletionGracePeriodSeconds: v.optional(v.number()),
  finalizers: v.optional(v.nullable(v.array(v.string()))),
  ownerReferences: v.optional(
    v.nullable(v.array(v.object({ kind: v.string(), name: v.string(), controller: v.optional(v.boolean()) }))),
  ),
});

/** The owner that keeps the object as it is; undefined: none does. */
export function controllerOf({ ownerReferences }: v.InferOutput<typeof Metadata>) {
  return ownerReferences?.find(({ controller }) => controller === true);
}

export const Conditions = v.optional(v.nullable(v.array(v.object({ type: v.string(), status: v.string() }))));

/** The status of the condition `Ready`; a node that has none has never reported. */
export function readyStatusOf(conditions: v.InferOutput<typeof Conditions>): 'True' | 'False' | 'Unknown' {
  const status = conditions?.find(({ type }) => type === 'Ready')?.status;
  return status === 'True' || status === 'False' ? status : 'Unknown';
}

/** Is the condition `Ready` true? */
export function isReady(conditions: v.InferOutput<typeof Conditions>): boolean {
  return conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers */
export const EXCLUSION_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
