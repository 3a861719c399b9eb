import { retry } from '../context.ts';
import { API_BACKOFF } from '../lib/backoff.ts';
import { withTimeout } from '../lib/clock.ts';
import { isBug } from '../lib/errors.ts';
import type { DrainCluster, Snapshot } from './cluster.ts';
import type { Plan, WaitReason } from './decision.ts';
import { controllerKeyOf, type Pod } from './pod.ts';
import type { DrainScope } from './scope.ts';
import type { DrainState } from './state.ts';
import type { Replica, Workload } from './workload.ts';

/** Evictions do not wait longer than this for a workload that cannot be read. */
const READ_TIMEOUT_MS = 15_000;

/** Pods that wait for these are on their way, or are in a moment. */
const LEAVING: ReadonlySet<WaitReason['kind']> = new Set(['requested', 'accepted', 'terminating', 'in-flight limit']);

/**
 * Reads what keeps the pods that no budget covers, once each, and watches the pods of a workload on all nodes while pods on this
 * one have yet to go, and the nodes that other drains empty at the same time. A workload that cannot be read holds nothing back.
 */
export class WorkloadWatches {
  readonly #cluster: DrainCluster;
  readonly #state: DrainState;
  readonly #scope: DrainScope;
  /** By `controllerKeyOf` the pods. */
  readonly #reading = new Set<string>();
  /** By the name of the workload. */
  readonly #snapshots = new Map<string, Snapshot<Replica>>();
  readonly #watches = new Map<string, AbortController>();
  /** Resolves when the other nodes have been listed. */
  #peersListed: Promise<void> | undefined;
  #warned = false;

  constructor(cluster: DrainCluster, state: DrainState, scope: DrainScope) {
    this.#cluster = cluster;
    this.#state = state;
    this.#scope = scope;
  }

  /** Starts and ends reads and watches as the plan needs them. */
  follow({ decisions }: Plan): void {
    const needed = new Map<string, Workload>();
    for (const decision of decisions) {
      if (decision.action !== 'wait') continue;
      const { pod, reason } = decision;
      if (reason.kind === 'unread workload') this.#read(pod);
      const workload = LEAVING.has(reason.kind) ? undefined : this.#state.workloads.of(pod);
      if (workload !== undefined && workload.replicas > 1) needed.set(workload.name, workload);
    }
    for (const workload of needed.values()) if (!this.#watches.has(workload.name)) this.#watch(workload);
    for (const [name, stop] of this.#watches) {
      if (needed.has(name)) continue;
      stop.abort(new Error(`the watch of the pods of ${name} is no longer needed`));
      this.#watches.delete(name);
    }
  }

  #read(pod: Pod): void {
    const controller = controllerKeyOf(pod);
    if (this.#reading.has(controller)) return;
    this.#reading.add(controller);
    const { clock, report, signal, spawn, wake } = this.#scope;
    const options = { what: `read the workload of ${controller}`, withinMs: READ_TIMEOUT_MS, backoff: API_BACKOFF };
    const tries = (limited: AbortSignal) =>
      retry(options, () => this.#readOnce(pod, limited), { clock, report, signal: limited });
    const read = withTimeout(clock, READ_TIMEOUT_MS, tries, signal).catch((error: unknown) => {
      this.#unreadable(`the workload of ${controller}`, error);
      this.#state.workloads.read(pod, undefined, clock.now());
    });
    spawn(read.finally(wake));
  }

  async #readOnce(pod: Pod, signal: AbortSignal): Promise<void> {
    const workload = await this.#cluster.readWorkload(pod, signal);
    if (workload !== undefined && workload.replicas > 1) {
      this.#peersListed ??= this.#observePeers();
      const [replicas] = await Promise.all([this.#cluster.readReplicas(workload, signal), this.#peersListed]);
      this.#snapshots.set(workload.name, replicas);
      this.#state.workloads.replicaSink(workload, this.#scope.wake).replace(replicas.items);
    }
    this.#state.workloads.read(pod, workload, this.#scope.clock.now());
  }

  #observePeers(): Promise<void> {
    const { signal, spawn, wake } = this.#scope;
    return new Promise((resolve) => {
      const sink = this.#state.workloads.peerNodeSink(() => {
        resolve();
        wake();
      });
      const observed = this.#cluster.observePeerNodes(sink, signal).catch((error: unknown) => {
        this.#unreadable('other nodes', error);
        resolve();
      });
      spawn(observed);
    });
  }

  #watch(workload: Workload): void {
    const { name } = workload;
    const stop = new AbortController();
    this.#watches.set(name, stop);
    const from = this.#snapshots.get(name);
    this.#snapshots.delete(name);
    const { signal: over, spawn, wake } = this.#scope;
    const signal = AbortSignal.any([over, stop.signal]);
    const sink = this.#state.workloads.replicaSink(workload, wake);
    spawn(
      this.#cluster.observeReplicas(workload, from, sink, signal).catch((error: unknown) => {
        // Without the watch, its pods wait for as long as they may, and then go.
        if (!stop.signal.aborted) this.#unreadable(`the pods of ${name}`, error);
      }),
    );
  }

  /** @throws the reason of the signal, or a bug */
  #unreadable(what: string, error: unknown): void {
    const { report, signal } = this.#scope;
    if (signal.aborted) throw signal.reason;
    if (isBug(error)) throw error;
    if (this.#warned) return;
    this.#warned = true;
    const message = `could not read ${what}; evicting pods that no budget covers without looking at the others of their workload`;
    report({ type: 'warning', message, error });
  }
}
