import type { Budget } from '../../app/drain/budget.ts';
import type { Decision, Plan, PlanConditions } from '../../app/drain/decision.ts';
import type { Attempt, ObservedState, Returns } from '../../app/drain/observed.ts';
import { plan } from '../../app/drain/plan.ts';
import { controllerKeyOf, type Pod } from '../../app/drain/pod.ts';
import type { ObservedWorkload } from '../../app/drain/workload.ts';

/** A running, ready pod of no controller. */
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
    graceSeconds: 30,
    running: true,
    invalidAnnotations: [],
    critical: false,
    toleratesEverything: false,
    claims: [],
    ...more,
  };
}

/** Pods `name-0`, `name-1`, … of one application. */
export function podsOf(app: string, count: number, more: Partial<Pod> = {}): Pod[] {
  return Array.from({ length: count }, (_, index) => pod(`${app}-${index}`, { labels: { app }, ...more }));
}

/** A budget over the pods labelled `app: name` whose status allows `allowed` disruptions. */
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
  /** All budgets of all namespaces; absent: there are none. `unread`: no namespace's budgets have been read. */
  readonly budgets?: readonly Budget[] | 'unread';
  readonly attempts?: Readonly<Record<string, Attempt>>;
  /** When each budget was last told of; 0 unless given. */
  readonly asOf?: Readonly<Record<string, number>>;
  readonly uncounted?: Readonly<Record<string, number>>;
  readonly unverified?: readonly string[];
  /** By the name of a pod of the controller. */
  readonly returns?: Readonly<Record<string, Returns>>;
  /** By the name of a pod of the controller. */
  readonly workloads?: Readonly<Record<string, ObservedWorkload | 'unknown'>>;
  readonly surging?: Readonly<Record<string, string>>;
  readonly skippedBefore?: readonly string[];
  /** When the containers of each pod were first seen to have ended. */
  readonly endedSince?: Readonly<Record<string, number>>;
  /** When each pod was first seen terminating. */
  readonly terminatingSince?: Readonly<Record<string, number>>;
};

/** What is observed, with pods and budgets given by name. */
export function observed(seen: Seen): ObservedState {
  const {
    pods,
    attempts = {},
    asOf = {},
    uncounted = {},
    unverified = [],
    returns = {},
    workloads = {},
    surging = {},
  } = seen;
  const { terminatingSince = {}, endedSince = {}, skippedBefore = [] } = seen;
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
    surging: new Map(Object.entries(surging)),
    workloads: new Map(
      Object.entries(workloads).map(([name, workload]) => [
        controllerKeyOf(pods.find((pod) => pod.name === name) ?? pod(name)),
        workload,
      ]),
    ),
    unverified: new Set(unverified.map(uidOf)),
    returns: new Map(
      Object.entries(returns).map(([name, one]) => [
        controllerKeyOf(pods.find((pod) => pod.name === name) ?? pod(name)),
        one,
      ]),
    ),
    skippedBefore: new Set(skippedBefore.map(uidOf)),
    endedSince: new Map(Object.entries(endedSince).map(([name, since]) => [uidOf(name), since])),
    terminatingSince: new Map(Object.entries(terminatingSince).map(([name, since]) => [uidOf(name), since])),
  };
}

/** The plan for a healthy node with the default settings, but for what is said otherwise. */
export function planned(seen: ObservedState, now: number, otherwise: Partial<PlanConditions> = {}): Plan {
  const usual: PlanConditions = {
    force: false,
    certainEnd: undefined,
    lastResort: 'delete',
    kubeletAlive: true,
    gate: undefined,
    daemonSets: 'skip',
    doNotDisruptUntil: 0,
    finalizerMs: 300_000,
    spreadMs: 0,
  };
  return plan(seen, now, { ...usual, ...otherwise });
}

/** The verdicts in words, by the pod's name: `evict`, `leave daemonset`, `wait budget`. */
export function actionsByPod({ decisions }: Plan): Record<string, string> {
  return Object.fromEntries(decisions.map((verdict) => [verdict.pod.name, actionOf(verdict)]));
}

function actionOf(verdict: Decision): string {
  switch (verdict.action) {
    case 'skip':
      return `skip ${verdict.reason}`;
    case 'wait':
      return `wait ${verdict.reason.kind}`;
    case 'request':
    case 'evict':
    case 'delete':
      return verdict.action;
  }
}

/** The names of the pods that are to be evicted, in turn. */
export function evicted({ decisions }: Plan): string[] {
  return decisions.filter(({ action }) => action === 'evict').map(({ pod }) => pod.name);
}
