import type { Sink } from '../../app/drain/cluster.ts';
import { controllerKeyOf, isTerminating, type Pod } from '../../app/drain/pod.ts';
import type { PeerNode, Replica, Workload } from '../../app/drain/workload.ts';
import type { SimulatedPod } from './pod-behaviour.ts';
import { untilAborted } from './until-aborted.ts';

/** The ReplicaSets and StatefulSets of a cluster in memory, and watches of their pods. */
export class FakeWorkloads {
  /** The start and end of each watch: `+ReplicaSet shop/web`, `-ReplicaSet shop/web`. */
  readonly watches: string[] = [];
  /** The other nodes that are cordoned. */
  peerNodes: readonly PeerNode[] = [];
  readonly #workloads = new Map<string, Workload>();
  readonly #sinks = new Map<Sink<Replica>, Workload>();

  /** The controller of pods that are made with it. */
  add(
    name: string,
    replicas: number,
    kind: 'ReplicaSet' | 'StatefulSet' = 'ReplicaSet',
  ): NonNullable<Pod['controller']> {
    const namespace = 'shop';
    this.#workloads.set(`${namespace}/${kind}/${name}`, {
      name: `${kind} ${namespace}/${name}`,
      namespace,
      replicas,
      selector: [],
    });
    return { kind, name };
  }

  get observers(): number {
    return this.#sinks.size;
  }

  of(pod: Pod): Workload | undefined {
    return this.#workloads.get(controllerKeyOf(pod));
  }

  replicas(workload: Workload, pods: Iterable<SimulatedPod>): Replica[] {
    return [...pods].filter(({ pod }) => this.of(pod)?.name === workload.name).map(replicaOf);
  }

  observe(workload: Workload, pods: Iterable<SimulatedPod>, sink: Sink<Replica>, signal: AbortSignal): Promise<never> {
    this.watches.push(`+${workload.name}`);
    this.#sinks.set(sink, workload);
    sink.replace(this.replicas(workload, pods));
    return untilAborted(signal, () => {
      this.watches.push(`-${workload.name}`);
      this.#sinks.delete(sink);
    });
  }

  changed(simulated: SimulatedPod, isGone = false): void {
    const workload = this.of(simulated.pod);
    for (const [sink, observed] of this.#sinks) {
      if (observed.name !== workload?.name) continue;
      if (isGone) sink.remove(replicaOf(simulated));
      else sink.set(replicaOf(simulated));
    }
  }
}

function replicaOf({ pod, onNode }: SimulatedPod): Replica {
  const isReadyElsewhere = !onNode && pod.ready && !isTerminating(pod);
  return { uid: pod.uid, readyOn: isReadyElsewhere ? 'other' : undefined };
}
