import type { Options } from './options.ts';

/** The pods on the node to drain, and how they behave. */
export type Scenario = {
  readonly name: string;
  readonly title: string;
  /** One ReplicaSet per app; evicted pods are replaced on another node. */
  readonly apps: number;
  readonly podsPerApp: number;
  /** From the binding of a pod to a node until it is ready. */
  readonly readyMs: number;
  /** From the eviction of a pod until it is gone. */
  readonly shutdownMs: number;
  /** The budget of each app; absent: no budgets. */
  readonly maxUnavailable?: number;
  /** `UNBUDGETED` of the drainer. */
  readonly unbudgeted: 'spread' | 'all';
  /** Further nodes and pods in the cluster: API objects without machines. */
  readonly background?: { readonly pods: number; readonly nodes: number };
  /** The CPU time of the drainer, in CPUs; undefined: that of the machine. */
  readonly vcpus?: number;
  /** `worker`: kubectl, which sends five requests per second, would take minutes and show nothing new. */
  readonly contenders: 'all' | 'worker';
};

export const NO_BUDGET = 'no-budget';
export const QUARTER_VCPU = 'quarter-vcpu';
export const SPREAD = 'spread';
export const BUDGETS = 'budgets';
export const MANY_PODS = 'many-pods';
export const SMALL_CLUSTER = 'small-cluster';
export const LARGE_CLUSTER = 'large-cluster';

/** Pods on the drained node, in the scenarios with different cluster sizes. */
const PODS_ON_NODE = 100;

export function scenarios({ large }: Pick<Options, 'large'>): Scenario[] {
  const quick = { readyMs: 200, shutdownMs: 1_000 };
  const inClusterOf = (name: string, pods: number, nodes: number): Scenario => ({
    name,
    title: `100 pods in a cluster of ${pods} pods on ${nodes} nodes`,
    apps: 10,
    podsPerApp: PODS_ON_NODE / 10,
    ...quick,
    background: { pods: pods - PODS_ON_NODE, nodes: nodes - 1 },
    unbudgeted: 'all',
    contenders: 'worker',
  });
  return [
    {
      name: NO_BUDGET,
      title: '250 pods, no budget, 1 s to end',
      apps: 10,
      podsPerApp: 25,
      ...quick,
      unbudgeted: 'all',
      contenders: 'all',
    },
    {
      name: QUARTER_VCPU,
      title: '250 pods, no budget, 1 s to end; the drainer has 0.25 vCPU',
      apps: 10,
      podsPerApp: 25,
      ...quick,
      unbudgeted: 'all',
      // The least that Fargate offers, and what the template gives its tasks.
      vcpus: 0.25,
      contenders: 'worker',
    },
    {
      name: SPREAD,
      title: '250 pods, no budget, at most a quarter of each app missing, 1 s to end',
      apps: 10,
      podsPerApp: 25,
      ...quick,
      unbudgeted: 'spread',
      contenders: 'worker',
    },
    {
      name: BUDGETS,
      title: '10 apps × 10 pods, maxUnavailable 1, ready in 1.5 s, 1 s to end',
      apps: 10,
      podsPerApp: 10,
      readyMs: 1_500,
      shutdownMs: 1_000,
      maxUnavailable: 1,
      unbudgeted: 'spread',
      contenders: 'all',
    },
    {
      name: MANY_PODS,
      title: '1,000 pods, no budget, 1 s to end',
      apps: 10,
      podsPerApp: 100,
      ...quick,
      unbudgeted: 'all',
      contenders: 'worker',
    },
    ...(large === undefined
      ? []
      : [inClusterOf(SMALL_CLUSTER, 300, 3), inClusterOf(LARGE_CLUSTER, large.pods, large.nodes)]),
  ];
}

export function podsOf({ apps, podsPerApp }: Scenario): number {
  return apps * podsPerApp;
}

/**
 * The minimum duration of a drain that respects the budgets: each round waits for the replacements of the previous one.
 * (The last round waits only for pods to end. It is counted like the others, which makes the floor slightly too high.)
 */
export function floorMs({ podsPerApp, maxUnavailable, readyMs, shutdownMs, unbudgeted }: Scenario): number {
  const maxMissing = maxUnavailable ?? (unbudgeted === 'all' ? podsPerApp : Math.max(1, Math.floor(podsPerApp / 4)));
  return Math.max(shutdownMs, Math.ceil(podsPerApp / maxMissing) * readyMs);
}

/** The scenario if its pods fit on the node, otherwise a smaller one of the same kind. */
export function fitted(scenario: Scenario, podCapacity: number): Scenario {
  if (podsOf(scenario) <= podCapacity) return scenario;
  const podsPerApp = Math.max(1, Math.floor(podCapacity / scenario.apps));
  return {
    ...scenario,
    podsPerApp,
    title: `${scenario.title} – reduced to ${scenario.apps * podsPerApp} pods, which fit on the node`,
  };
}
