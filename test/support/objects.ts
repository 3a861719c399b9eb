import type { Budget } from '../../app/drain/budget.ts';
import type { Attempt, ObservedState, Returns } from '../../app/drain/observed.ts';
import type { PlanConditions } from '../../app/drain/plan.ts';
import { type Decision, type Plan, plan } from '../../app/drain/plan.ts';
import { controllerKeyOf, type Pod } from '../../app/drain/pod.ts';

/** A running, ready pod without a controller. */
export function pod(name: string, more: Partial<Pod> = {}): Pod {
  const namespace = more.namespace ?? 'shop';
  return {
    uid: `${namespace}/${name}#1`,
    namespace,
    name,
    labels: {},
    mirror: false,
    phase: 'Running',
    ready: true,
    finalizers: [],
    running: true,
    critical: false,
    toleratesEverything: false,
    claims: [],
    ...more,
  };
}

/** Pods `app-0`, `app-1`, … with the label `app`. */
export function podsOf(app: string, count: number, more: Partial<Pod> = {}): Pod[] {
  return Array.from({ length: count }, (_, index) => pod(`${app}-${index}`, { labels: { app }, ...more }));
}

/** A budget for the pods with the label `app: name` whose status allows `allowed` disruptions. */
export function budget(name: string, allowed: number, more: Partial<Budget> = {}): Budget {
  const namespace = more.namespace ?? 'shop';
  return {
    uid: `${namespace}/${name}#budget`,
    namespace,
    name,
    selector: [{ key: 'app', operator: 'In', values: [name] }],
    allowed,
    healthy: 4 + allowed,
    desired: 4,
    expected: 5,
    counted: new Set(),
    unhealthyPodEvictionPolicy: 'IfHealthyBudget',
    ...more,
  };
}

type Seen = {
  readonly pods: readonly Pod[];
  /** The budgets of all namespaces; none by default. `unread`: no namespace's budgets have been read. */
  readonly budgets?: readonly Budget[] | 'unread';
  readonly attempts?: Readonly<Record<string, Attempt>>;
  /** When each budget was last reported, by name; 0 by default. */
  readonly asOf?: Readonly<Record<string, number>>;
  readonly uncounted?: Readonly<Record<string, number>>;
  readonly unverified?: readonly string[];
  /** By the name of one of the controller's pods. */
  readonly returns?: Readonly<Record<string, Returns>>;
  /** When each pod was first observed terminating, by name. */
  readonly terminatingSince?: Readonly<Record<string, number>>;
};

/** An observed state, with pods and budgets given by name. */
export function observed(seen: Seen): ObservedState {
  const { pods, attempts = {}, asOf = {}, uncounted = {}, terminatingSince = {}, unverified = [], returns = {} } = seen;
  const budgets = seen.budgets === 'unread' ? [] : (seen.budgets ?? []);
  const uidOf = (name: string) => pods.find((pod) => pod.name === name)?.uid ?? name;
  const budgetUidOf = (name: string) => budgets.find((budget) => budget.name === name)?.uid ?? name;
  const namespaces = new Set(pods.map(({ namespace }) => namespace));
  return {
    pods,
    attempts: new Map(Object.entries(attempts).map(([name, attempt]) => [uidOf(name), attempt])),
    budgets: new Map(
      seen.budgets === 'unread'
        ? []
        : [...namespaces].map((namespace) => [namespace, budgets.filter((budget) => budget.namespace === namespace)]),
    ),
    budgetSeenAt: new Map(budgets.map(({ uid, name }) => [uid, asOf[name] ?? 0])),
    uncounted: new Map(Object.entries(uncounted).map(([name, count]) => [budgetUidOf(name), count])),
    unverified: new Set(unverified.map(uidOf)),
    returns: new Map(
      Object.entries(returns).map(([name, one]) => [
        controllerKeyOf(pods.find((pod) => pod.name === name) ?? pod(name)),
        one,
      ]),
    ),
    terminatingSince: new Map(Object.entries(terminatingSince).map(([name, since]) => [uidOf(name), since])),
  };
}

/** The plan for a healthy node with the default settings, except for the given conditions. */
export function planned(seen: ObservedState, now: number, conditions: Partial<PlanConditions> = {}): Plan {
  const defaults = { force: false, lastResort: false, nodeReady: true, drainDaemonSets: false, doNotDisruptUntil: 0 };
  return plan(seen, now, { ...defaults, ...conditions });
}

/** The decision for each pod, by its name: `evict`, `skip daemonset`, `wait budget`. */
export function actionsByPod({ decisions }: Plan): Record<string, string> {
  return Object.fromEntries(decisions.map((decision) => [decision.pod.name, actionOf(decision)]));
}

function actionOf(decision: Decision): string {
  switch (decision.action) {
    case 'skip':
      return `skip ${decision.reason}`;
    case 'wait':
      return `wait ${decision.reason.kind}`;
    case 'evict':
    case 'delete':
      return decision.action;
  }
}

/** The names of the pods to evict, in order. */
export function evicted({ decisions }: Plan): string[] {
  return decisions.filter(({ action }) => action === 'evict').map(({ pod }) => pod.name);
}
