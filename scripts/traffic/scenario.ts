import type { BudgetRule } from '../../test/cluster/manifests.ts';
import type { ServerOptions } from '../../test/nodes/server.ts';

/** An application under load, and what is drained under it. */
export type Scenario = {
  readonly name: string;
  readonly title: string;
  readonly server: ServerOptions;
  readonly budget?: BudgetRule;
  /** How many nodes are drained at the same time. Its pods start on them, or else `evenly` on all. */
  readonly nodes: 1 | 2;
  /** What requests are sent through. With a load balancer whose targets are the nodes, the instance ends as soon as its drain has. */
  readonly through: 'Service' | 'load balancer';
  /** Settings of our drainer. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A setting without which our drainer cannot do this. */
  readonly needs?: string;
  /** Every pod but the last has to be replaced before the next one goes, which makes the drain last as long as that takes. */
  readonly oneAfterAnother?: boolean;
  /** Shows what happens when the node is switched off. */
  readonly powerCut?: boolean;
  /** A drain that lasts longer never ends. */
  readonly limitSeconds: number;
  readonly goal: 'no request fails' | 'no more fail than with kubectl';
};

/** Longer than every proxy needs to learn that a pod ends. */
const preStopSeconds = 5;

export const scenarios: readonly Scenario[] = [
  {
    name: 'pre-stop',
    title: '6 replicas, 3 on the node, maxUnavailable 1, with preStop',
    server: { replicas: 6, evenly: true, preStopSeconds },
    budget: { maxUnavailable: 1 },
    nodes: 1,
    through: 'Service',
    oneAfterAnother: true,
    powerCut: true,
    limitSeconds: 120,
    goal: 'no request fails',
  },
  {
    name: 'no-pre-stop',
    title: '6 replicas, 3 on the node, maxUnavailable 1, no preStop',
    server: { replicas: 6, evenly: true },
    budget: { maxUnavailable: 1 },
    nodes: 1,
    through: 'Service',
    oneAfterAnother: true,
    limitSeconds: 120,
    goal: 'no more fail than with kubectl',
  },
  {
    name: 'no-budget',
    title: '3 replicas, all on the node, no budget, ready after 8 s',
    server: { replicas: 3, readyMs: 8_000, preStopSeconds },
    nodes: 1,
    through: 'Service',
    oneAfterAnother: true,
    powerCut: true,
    limitSeconds: 120,
    goal: 'no request fails',
  },
  {
    name: 'one-at-a-time',
    title: '3 replicas, all on the node, maxUnavailable 1, ready after 3 s',
    server: { replicas: 3, readyMs: 3_000, preStopSeconds },
    budget: { maxUnavailable: 1 },
    nodes: 1,
    through: 'Service',
    oneAfterAnother: true,
    limitSeconds: 120,
    goal: 'no request fails',
  },
  {
    name: 'single',
    title: '1 replica, minAvailable 1',
    server: { replicas: 1, preStopSeconds },
    budget: { minAvailable: 1 },
    nodes: 1,
    through: 'Service',
    settings: { SURGE: 'blocked' },
    needs: 'SURGE',
    limitSeconds: 60,
    goal: 'no request fails',
  },
  {
    name: 'two-nodes',
    title: '4 replicas, all on two nodes drained at once, no budget',
    server: { replicas: 4, evenly: true, readyMs: 3_000, preStopSeconds },
    nodes: 2,
    through: 'Service',
    limitSeconds: 120,
    goal: 'no request fails',
  },
  {
    name: 'load-balancer',
    title: '4 replicas, 2 on the node, a target of a load balancer',
    server: { replicas: 4, evenly: true, preStopSeconds },
    budget: { maxUnavailable: 1 },
    nodes: 1,
    through: 'load balancer',
    settings: { LOAD_BALANCER_EXCLUSION: 'end' },
    powerCut: true,
    limitSeconds: 120,
    goal: 'no request fails',
  },
];
