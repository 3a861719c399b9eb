import type { NodeState, ReadyStatus, Sink } from '../../app/drain/cluster.ts';
import { untilAborted } from './until-aborted.ts';

/** A node in memory, as its watch shows it. */
export class FakeNode {
  readonly #sinks = new Set<Sink<NodeState>>();
  #state: NodeState = { uid: 'n-1', ready: 'True', cordoned: true, volumesInUse: [] };

  get observers(): number {
    return this.#sinks.size;
  }

  observe(sink: Sink<NodeState>, signal: AbortSignal): Promise<never> {
    this.#sinks.add(sink);
    sink.set(this.#state);
    return untilAborted(signal, () => this.#sinks.delete(sink));
  }

  /** Its kubelet comes to life, or is heard of no more. */
  setReady(ready: ReadyStatus): void {
    this.#tell({ ...this.#state, ready });
  }

  /** Somebody cordons or uncordons it. */
  cordon(cordoned: boolean): void {
    this.#tell({ ...this.#state, cordoned });
  }

  /** Its name goes to another machine. */
  replace(uid: string): void {
    this.#tell({ uid, ready: 'True', cordoned: false, volumesInUse: [] });
  }

  delete(uid = this.#state.uid): void {
    for (const sink of this.#sinks) sink.remove({ ...this.#state, uid });
  }

  /** What a reflector says when its watch has ended, and a list shows this. */
  list(...nodes: readonly NodeState[]): void {
    for (const sink of this.#sinks) sink.replace(nodes);
  }

  #tell(state: NodeState): void {
    this.#state = state;
    for (const sink of this.#sinks) sink.set(state);
  }
}
