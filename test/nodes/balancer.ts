import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { V1Node } from '@kubernetes/client-node';
import type { Admin } from '../cluster/admin.ts';
import { type BalancedNode, LoadBalancers } from '../simulator/kubernetes/load-balancer.ts';

/** A node, and where a load balancer reaches it. */
export type Target = BalancedNode & { readonly address: string };

export type BalancerOptions = {
  /** The Service whose load balancer this is: `namespace/name`. */
  readonly service: string;
  /** Of the Service, on every node. */
  readonly nodePort: number;
  /** All nodes of the cluster, as they are now. */
  readonly nodes: () => Promise<readonly Target[]>;
  /**
   * For how long new connections are still sent to a target that is being deregistered, in milliseconds. Documented is none, observed are
   * two minutes on an NLB: https://github.com/aws/containers-roadmap/issues/470, aws-node-termination-handler#316.
   */
  readonly deregistrationMs?: number;
  /** After how long without an answer a target gets no new connections. NLBs need 30 to 40 s (containers-roadmap#470). */
  readonly unhealthyMs?: number;
};

const POLL_MS = 100;

/**
 * A load balancer on this machine whose targets are nodes, at the NodePort of a Service with `externalTrafficPolicy: Cluster`. Which nodes
 * are its targets, and since when, says the simulator of cloud controllers (`LoadBalancers`); the connections are real.
 */
export class Balancer {
  readonly #options: Required<BalancerOptions>;
  readonly #balancers: LoadBalancers;
  readonly #server: Server;
  readonly #closing = new AbortController();
  /** Its address, by the name of the node. */
  readonly #addresses = new Map<string, string>();
  readonly #clients = new Set<Socket>();
  /** To nodes, by their names. */
  readonly #connections = new Map<Socket, string>();
  /** When its machine went off: milliseconds since the epoch, by the name of the node. */
  readonly #diedAt = new Map<string, number>();
  #turn = 0;

  private constructor(options: BalancerOptions) {
    this.#options = { deregistrationMs: 1_000, unhealthyMs: 30_000, ...options };
    // Every node forwards to the pods of all nodes: none is ever without a ready pod.
    this.#balancers = new LoadBalancers(() => undefined, { deregistrationMs: this.#options.deregistrationMs });
    const service = { name: options.service, type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' };
    this.#balancers.service(service, Date.now());
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#forward(client));
  }

  /** Resolves when it knows its targets, and listens. */
  static async start(options: BalancerOptions): Promise<Balancer> {
    const balancer = new Balancer(options);
    await balancer.#look();
    void balancer.#follow();
    await new Promise<void>((resolve, reject) => {
      balancer.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return balancer;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the load balancer does not listen');
    return `http://127.0.0.1:${address.port}/`;
  }

  /** The nodes to which new connections are sent. */
  get targets(): string[] {
    const now = Date.now();
    return [...this.#addresses.keys()].filter((node) => {
      const state = this.#balancers.stateOf(this.#options.service, node, now);
      const isSilent = now - (this.#diedAt.get(node) ?? now) >= this.#options.unhealthyMs;
      return (state === 'registered' || state === 'draining') && !isSilent;
    });
  }

  /** The machine of the node goes off: from now on it answers nothing, neither on old connections nor on new ones. */
  dies(node: string): void {
    this.#diedAt.set(node, Date.now());
    for (const [socket, to] of this.#connections) if (to === node) socket.destroy();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#clients) socket.destroy();
    await closed;
  }

  #forward(client: Socket): void {
    this.#clients.add(client);
    client.on('error', () => client.destroy()).once('close', () => this.#clients.delete(client));
    const targets = this.targets;
    const node = targets[this.#turn++ % targets.length];
    if (node === undefined) {
      client.resetAndDestroy();
      return;
    }
    // Whoever talks to a dead machine gets no answer, and gives up in the end.
    if (this.#diedAt.has(node)) return;
    const upstream = connect(this.#options.nodePort, this.#addresses.get(node));
    this.#connections.set(upstream, node);
    upstream.once('error', () => client.resetAndDestroy());
    upstream.once('close', () => this.#connections.delete(upstream));
    upstream.once('end', () => client.end());
    client.once('close', () => upstream.destroy());
    client.pipe(upstream).pipe(client, { end: false });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
      // A controller that cannot ask the API server keeps the targets that it has.
      if (!signal.aborted) await this.#look().catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const nodes = await this.#options.nodes();
    const now = Date.now();
    for (const { address, ...node } of nodes) {
      this.#addresses.set(node.name, address);
      this.#balancers.node(node, now);
    }
    for (const name of this.#addresses.keys()) {
      if (!nodes.some((node) => node.name === name)) this.#balancers.nodeGone(name, now);
    }
  }
}

/** All nodes of a cluster, as targets. */
export async function targetsOf({ core }: Admin): Promise<Target[]> {
  const { items } = await core.listNode();
  return items.map(targetOf);
}

function targetOf({ metadata, spec, status }: V1Node): Target {
  return {
    name: metadata?.name ?? '',
    providerID: spec?.providerID ?? '',
    labels: metadata?.labels ?? {},
    taints: spec?.taints?.map(({ key }) => key) ?? [],
    deleting: metadata?.deletionTimestamp !== undefined,
    address: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
  };
}
