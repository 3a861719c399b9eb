import { isFinished, isTerminating, type Pod } from './pod.ts';

/** The part of a PodDisruptionBudget that a drain needs. */
export type Budget = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly selector: Selector;
  /** `status.disruptionsAllowed`; 0 while the status is older than the spec, because the API refuses until it is not. */
  readonly allowed: number;
  readonly healthy: number;
  readonly desired: number;
  readonly expected: number;
  /** Names of the pods whose eviction the status has counted already. */
  readonly counted: ReadonlySet<string>;
  readonly unhealthyPodEvictionPolicy: string;
  /** The field of its spec that says how many pods may be missing, with its value: `8`, `'90%'`. */
  readonly rule?: BudgetRule;
  /** Why its controller cannot tell how many pods it expects: until that changes, it allows no eviction. */
  readonly syncError?: string;
};

export type BudgetRule = {
  readonly field: 'minAvailable' | 'maxUnavailable';
  readonly value: number | string;
};

export type Requirement = {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
};

/** A label selector with every part of it turned into a requirement; `undefined` selects nothing. */
export type Selector = readonly Requirement[] | undefined;

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements */
export function selects(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  return selector?.every((requirement) => meets(requirement, labels[requirement.key])) ?? false;
}

/** @param value of the label that the requirement names; undefined: there is none */
export function meets({ operator, values }: Omit<Requirement, 'key'>, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}

export function budgetsOf(pod: Pod, budgets: readonly Budget[]): Budget[] {
  return budgets.filter((budget) => budget.namespace === pod.namespace && selects(budget.selector, pod.labels));
}

/**
 * Does the API evict this pod whatever the status of its budget says?
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/registry/core/pod/storage/eviction.go (canIgnorePDB and
 * the unhealthyPodEvictionPolicy below it). Servers before 1.22 still refuse an unhealthy pod, which costs one refused request
 * for each recheck.
 */
export function bypassesBudget(pod: Pod, budget: Budget): boolean {
  if (isFinished(pod) || isTerminating(pod) || pod.phase === 'Pending') return true;
  if (pod.ready) return false;
  return (
    budget.unhealthyPodEvictionPolicy === 'AlwaysAllow' || (budget.healthy >= budget.desired && budget.desired > 0)
  );
}

/**
 * Does this budget refuse every eviction, however healthy its pods are? So does one with as many pods as it needs: a single replica
 * and `minAvailable: 1`, or `maxUnavailable: 0`. Only a change of the budget or of its workload ends that.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/disruption/disruption.go (updatePdbStatus)
 */
export function canNeverAllow({ desired, expected }: Budget): boolean {
  return expected > 0 && desired >= expected;
}

/**
 * Does its controller not know how many pods there should be? For `maxUnavailable` and percentages it asks the controllers of the pods:
 * pods without one are expected nowhere, and such a budget allows nothing.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/disruption/disruption.go (getExpectedScale, failSafe)
 */
export function cannotCount({ expected, syncError }: Budget): boolean {
  return expected === 0 || syncError !== undefined;
}
