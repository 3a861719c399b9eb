import * as v from 'valibot';
import type { Budget, Requirement, Selector } from '../drain/budget.ts';
import { printable } from '../lib/errors.ts';
import { Metadata, StringMap } from './metadata.ts';

const Count = v.optional(v.number(), 0);
const CountOrShare = v.optional(v.nullable(v.union([v.number(), v.string()])));

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/ */
export const LabelSelector = v.object({
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
    selector: v.optional(v.nullable(LabelSelector)),
    unhealthyPodEvictionPolicy: v.optional(v.string(), 'IfHealthyBudget'),
    minAvailable: CountOrShare,
    maxUnavailable: CountOrShare,
  }),
  status: v.optional(
    v.object({
      observedGeneration: Count,
      disruptionsAllowed: Count,
      currentHealthy: Count,
      desiredHealthy: Count,
      expectedPods: Count,
      conditions: v.optional(
        v.nullable(
          v.array(v.object({ type: v.string(), reason: v.optional(v.string()), message: v.optional(v.string(), '') })),
        ),
      ),
      disruptedPods: v.optional(v.nullable(v.record(v.string(), v.unknown()))),
    }),
  ),
});

/**
 * @param version the API version of the object: an empty selector selects all pods in policy/v1, and no pods in policy/v1beta1
 *   (https://kubernetes.io/docs/reference/using-api/deprecation-guide/#poddisruptionbudget-v125)
 * @throws ValiError when the object is not a PodDisruptionBudget
 */
export function readBudget(object: unknown, version: string): Budget {
  const { metadata, spec, status } = v.parse(BudgetObject, object);
  // A status that is older than the spec may allow more than the new spec does.
  const isCurrent = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    selector: readSelector(spec.selector, version),
    allowed: isCurrent ? (status?.disruptionsAllowed ?? 0) : 0,
    healthy: status?.currentHealthy ?? 0,
    desired: status?.desiredHealthy ?? 0,
    expected: status?.expectedPods ?? 0,
    counted: new Set(Object.keys(status?.disruptedPods ?? {})),
    unhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy,
    ...ruleOf(spec),
    ...syncErrorOf(status),
  };
}

/** https://kubernetes.io/docs/tasks/run-application/configure-pdb/#specifying-a-poddisruptionbudget */
function ruleOf({ minAvailable, maxUnavailable }: v.InferOutput<typeof BudgetObject>['spec']): Pick<Budget, 'rule'> {
  if (maxUnavailable != null) return { rule: { field: 'maxUnavailable', value: maxUnavailable } };
  return minAvailable == null ? {} : { rule: { field: 'minAvailable', value: minAvailable } };
}

/** https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/disruption/disruption.go (failSafe) */
function syncErrorOf(status: v.InferOutput<typeof BudgetObject>['status']): Pick<Budget, 'syncError'> {
  const failed = status?.conditions?.find(
    ({ type, reason }) => type === 'DisruptionAllowed' && reason === 'SyncFailed',
  );
  return failed === undefined ? {} : { syncError: printable(failed.message, 200) };
}

export function readSelector(
  selector: v.InferOutput<typeof LabelSelector> | null | undefined,
  version: string,
): Selector {
  if (selector === null || selector === undefined) return undefined;
  const requirements: Requirement[] = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, operator: 'In', values: [value] })),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values }) => ({ key, operator, values: values ?? [] })),
  ];
  return requirements.length === 0 && version === 'policy/v1beta1' ? undefined : requirements;
}
