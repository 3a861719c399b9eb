import type { Options } from './options.ts';

/** What is laid on a node, and how its pods behave. */
export type Scenario = {
  readonly name: string;
  readonly title: string;
  /** ReplicaSets of this many pods each; what leaves the node is replaced on another. */
  readonly apps: number;
  readonly podsPerApp: number;
  /** A pod is ready so long after it was bound to a node, and gone so long after it was asked to end. */
  readonly readyMs: number;
  readonly shutdownMs: number;
  /** Each app has a budget that lets so many of its pods be away; absent: no budgets. */
  readonly maxUnavailable?: number;
  /** What else the cluster holds: objects without machines. */
  readonly surroundings?: { readonly pods: number; readonly nodes: number };
  /** kubectl sends five requests a second: where it would take minutes to show nothing new, only the worker runs. */
  readonly contenders: 'all' | 'worker';
};

export const NO_BUDGET = 'no-budget';
export const BUDGETS = 'budgets';
export const CROWD = 'crowd';
export const SMALL_CLUSTER = 'small-cluster';
export const LARGE_CLUSTER = 'large-cluster';

/** Pods on the node that is drained in the scenarios of cluster sizes. */
const ON_THE_NODE = 100;

export function scenarios({ large }: Pick<Options, 'large'>): Scenario[] {
  const quick = { readyMs: 200, shutdownMs: 1_000 };
  const inClusterOf = (name: string, pods: number, nodes: number): Scenario => ({
    name,
    title: `100 pods in a cluster of ${pods} pods on ${nodes} nodes`,
    apps: 10,
    podsPerApp: ON_THE_NODE / 10,
    ...quick,
    surroundings: { pods: pods - ON_THE_NODE, nodes: nodes - 1 },
    contenders: 'worker',
  });
  return [
    {
      name: NO_BUDGET,
      title: '250 pods, no budget, 1 s to end',
      apps: 10,
      podsPerApp: 25,
      ...quick,
      contenders: 'all',
    },
    {
      name: BUDGETS,
      title: '10 apps × 10 pods, maxUnavailable 1, ready in 1.5 s, 1 s to end',
      apps: 10,
      podsPerApp: 10,
      readyMs: 1_500,
      shutdownMs: 1_000,
      maxUnavailable: 1,
      contenders: 'all',
    },
    {
      name: CROWD,
      title: '1,000 pods, no budget, 1 s to end',
      apps: 10,
      podsPerApp: 100,
      ...quick,
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
 * No drain that keeps to the budgets can be quicker than this: each round waits for the replacements of the one before.
 * (The last round waits for pods to end instead; that it is counted like the others makes the floor a little high.)
 */
export function floorMs({ podsPerApp, maxUnavailable, readyMs, shutdownMs }: Scenario): number {
  return maxUnavailable === undefined ? shutdownMs : Math.ceil(podsPerApp / maxUnavailable) * readyMs;
}

/** The scenario, if so many pods fit the node; otherwise one of the same shape that does. */
export function fitted(scenario: Scenario, room: number): Scenario {
  if (podsOf(scenario) <= room) return scenario;
  const podsPerApp = Math.max(1, Math.floor(room / scenario.apps));
  return {
    ...scenario,
    podsPerApp,
    title: `${scenario.title} – cut down to ${scenario.apps * podsPerApp} pods, which is what fits the node`,
  };
}
