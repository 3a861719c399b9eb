/** What a load balancer's controller looks at. */
export type BalancedNode = {
  readonly name: string;
  readonly providerID: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly string[];
  readonly deleting: boolean;
};

export type BalancedService = {
  /** `namespace/name` */
  readonly name: string;
  readonly type: string;
  readonly externalTrafficPolicy: string;
};

export type LoadBalancerTimes = {
  /**
   * How long a target that is taken out still gets what was on its way, in milliseconds. Two to three minutes on an NLB
   * (aws-node-termination-handler#316); a second here, for tests that wait for it.
   */
  readonly deregistrationMs?: number;
  /** How long the health check of a target fails before nothing new is sent to it. */
  readonly unhealthyMs?: number;
};

/** `registered`: gets requests. `unhealthy`: registered, and gets none. `draining`: gets no new ones, may have old ones. */
export type TargetState = 'registered' | 'unhealthy' | 'draining' | 'out';

/** Since when no ready pod of the Service has been on the node; undefined while there is one. */
export type EmptySince = (service: string, node: string, at: number) => number | undefined;

type Registration = { readonly since: number; until?: number };

const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';

/**
 * The load balancers of the Services of type LoadBalancer, with nodes as targets, as the controllers of the clouds keep them.
 * Its state at any moment follows from what it was told and when: nothing here runs on timers.
 *
 * Which nodes are targets: stableNodeSetPredicates of k8s.io/cloud-provider/controllers/service/controller.go (KEP-3458,
 * Kubernetes 1.27): not being deleted, without the exclusion label, without the taint of Cluster Autoscaler. Neither a cordon
 * (kubernetes#65013) nor NotReady takes a node out. When: shouldSyncUpdatedNode. A node that comes or goes, or whose label or
 * provider ID changes, has all load balancers synchronised; a taint alone does not.
 * With `externalTrafficPolicy: Local` kube-proxy answers the health check (healthCheckNodePort) with 503 while the node has no
 * ready pod of the Service: pkg/proxy/healthcheck/service_health.go.
 */
export class LoadBalancers {
  readonly #deregistrationMs: number;
  readonly #unhealthyMs: number;
  readonly #emptySince: EmptySince;
  readonly #nodes = new Map<string, BalancedNode>();
  readonly #services = new Map<string, BalancedService>();
  /** By Service, then by node. */
  readonly #targets = new Map<string, Map<string, Registration[]>>();

  constructor(emptySince: EmptySince, { deregistrationMs = 1_000, unhealthyMs = 1_000 }: LoadBalancerTimes = {}) {
    this.#emptySince = emptySince;
    this.#deregistrationMs = deregistrationMs;
    this.#unhealthyMs = unhealthyMs;
  }

  /** A node as it is now. */
  node(node: BalancedNode, at: number): void {
    const before = this.#nodes.get(node.name);
    this.#nodes.set(node.name, node);
    const changed =
      before === undefined || before.providerID !== node.providerID || isExcluded(before) !== isExcluded(node);
    if (changed) this.#synchronise(at);
  }

  nodeGone(name: string, at: number): void {
    if (this.#nodes.delete(name)) this.#synchronise(at);
  }

  /** A Service as it is now. One of another type has no load balancer. */
  service(service: BalancedService, at: number): void {
    if (service.type !== 'LoadBalancer') this.serviceGone(service.name);
    else {
      this.#services.set(service.name, service);
      this.#synchroniseOne(service.name, at);
    }
  }

  serviceGone(name: string): void {
    this.#services.delete(name);
    this.#targets.delete(name);
  }

  /** The Services that have a load balancer. */
  get services(): readonly BalancedService[] {
    return [...this.#services.values()];
  }

  stateOf(service: string, node: string, at: number): TargetState {
    const last = this.#registrations(service, node).findLast(({ since }) => since <= at);
    if (last === undefined) return 'out';
    if (last.until !== undefined && last.until <= at)
      return at < last.until + this.#deregistrationMs ? 'draining' : 'out';
    if (this.#services.get(service)?.externalTrafficPolicy !== 'Local') return 'registered';
    const emptySince = this.#emptySince(service, node, at);
    return emptySince !== undefined && at - Math.max(emptySince, last.since) >= this.#unhealthyMs
      ? 'unhealthy'
      : 'registered';
  }

  /** The spans of time since its first registration in which the node was taken out; the last may have no end yet. */
  absences(service: string, node: string): readonly { readonly from: number; readonly to: number | undefined }[] {
    const all = this.#registrations(service, node);
    return all.flatMap(({ until }, index) => (until === undefined ? [] : [{ from: until, to: all[index + 1]?.since }]));
  }

  #registrations(service: string, node: string): readonly Registration[] {
    return this.#targets.get(service)?.get(node) ?? [];
  }

  #synchronise(at: number): void {
    for (const service of this.#services.keys()) this.#synchroniseOne(service, at);
  }

  #synchroniseOne(service: string, at: number): void {
    const targets = this.#targets.get(service) ?? new Map<string, Registration[]>();
    this.#targets.set(service, targets);
    for (const name of new Set([...this.#nodes.keys(), ...targets.keys()])) {
      const node = this.#nodes.get(name);
      const wanted = node !== undefined && isTarget(node);
      const registrations = targets.get(name) ?? [];
      const last = registrations.at(-1);
      const registered = last !== undefined && last.until === undefined;
      if (wanted && !registered) targets.set(name, [...registrations, { since: at }]);
      if (!wanted && registered) last.until = at;
    }
  }
}

function isExcluded({ labels }: BalancedNode): boolean {
  return Object.hasOwn(labels, EXCLUDED);
}

/** Is the node to be a target of load balancers? */
export function isTarget(node: BalancedNode): boolean {
  return !node.deleting && !isExcluded(node) && !node.taints.includes(TO_BE_DELETED);
}
