import type { Sink } from './cluster.ts';
import type { ObservedState } from './observed.ts';
import { controllerKeyOf, type Pod } from './pod.ts';
import type { ObservedWorkload, PeerNode, Replica, Workload } from './workload.ts';

/** What is known of workloads: how many pods they keep, where these are ready, and which other nodes are drained. */
export class WorkloadState {
  /** By `controllerKeyOf` the pods. */
  readonly #workloads = new Map<string, (Workload & { readonly since: number }) | 'unknown'>();
  /** The nodes of the pods that are ready on other nodes: by the name of their workload, and by their UID. */
  readonly #readyElsewhere = new Map<string, Map<string, string>>();
  /** The names of the nodes that other drains have cordoned. */
  readonly #drainedNodes = new Set<string>();

  observed(): ObservedState['workloads'] {
    const observed = new Map<string, ObservedWorkload | 'unknown'>();
    for (const [controller, workload] of this.#workloads) {
      observed.set(controller, workload === 'unknown' ? workload : { ...workload, ...this.#readyPodsOf(workload) });
    }
    return observed;
  }

  #readyPodsOf({ name }: Workload): Pick<ObservedWorkload, 'readyElsewhere' | 'leaving'> {
    const ready = [...(this.#readyElsewhere.get(name) ?? [])];
    const leaving = ready.filter(([, node]) => this.#drainedNodes.has(node)).map(([uid]) => uid);
    return { readyElsewhere: ready.length, leaving };
  }

  /** What keeps the pods of this pod's controller; undefined: it cannot be read. */
  read(pod: Pod, workload: Workload | undefined, now: number): void {
    this.#workloads.set(controllerKeyOf(pod), workload === undefined ? 'unknown' : { ...workload, since: now });
  }

  /** As far as it is known. */
  of(pod: Pod): Workload | undefined {
    const workload = this.#workloads.get(controllerKeyOf(pod));
    return workload === 'unknown' ? undefined : workload;
  }

  /** Receives the changes of the pods of one workload, on all nodes. */
  replicaSink({ name }: Workload, changed: () => void): Sink<Replica> {
    const ready = this.#readyElsewhere.get(name) ?? new Map<string, string>();
    this.#readyElsewhere.set(name, ready);
    return sinkOf(
      ({ uid, readyOn }) => (readyOn === undefined ? ready.delete(uid) : ready.set(uid, readyOn)),
      ({ uid }) => ready.delete(uid),
      () => ready.clear(),
      changed,
    );
  }

  /** Receives the changes of the other nodes that are cordoned. */
  peerNodeSink(changed: () => void): Sink<PeerNode> {
    const drained = this.#drainedNodes;
    return sinkOf(
      ({ name, isDrained }) => (isDrained ? drained.add(name) : drained.delete(name)),
      ({ name }) => drained.delete(name),
      () => drained.clear(),
      changed,
    );
  }
}

function sinkOf<T>(
  set: (item: T) => unknown,
  remove: (item: T) => unknown,
  clear: () => void,
  changed: () => void,
): Sink<T> {
  return {
    replace: (items) => {
      clear();
      items.forEach(set);
      changed();
    },
    set: (item) => {
      set(item);
      changed();
    },
    remove: (item) => {
      remove(item);
      changed();
    },
  };
}
