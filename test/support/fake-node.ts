import type { NodeState, Sink } from '../../app/drain/cluster.ts';
import { untilAborted } from './until-aborted.ts';

/** A node in memory, and its watches. */
export class FakeNode {
  readonly #sinks = new Set<Sink<NodeState>>();
  #state: NodeState = { uid: 'n-1', ready: true, cordoned: true };

  get observers(): number {
    return this.#sinks.size;
  }

  observe(sink: Sink<NodeState>, signal: AbortSignal): Promise<never> {
    this.#sinks.add(sink);
    sink.set(this.#state);
    return untilAborted(signal, () => this.#sinks.delete(sink));
  }

  /** Sets the readiness that the kubelet reports. */
  setReady(ready: boolean): void {
    this.#change({ ...this.#state, ready });
  }

  /** Cordons or uncordons the node. */
  cordon(cordoned: boolean): void {
    this.#change({ ...this.#state, cordoned });
  }

  /** Replaces the node by another one with the same name. */
  replace(uid: string): void {
    this.#change({ uid, ready: true, cordoned: false });
  }

  delete(uid = this.#state.uid): void {
    for (const sink of this.#sinks) sink.remove({ ...this.#state, uid });
  }

  /** Reports a new list, as a reflector does when its watch has ended. */
  list(...nodes: readonly NodeState[]): void {
    for (const sink of this.#sinks) sink.replace(nodes);
  }

  #change(state: NodeState): void {
    this.#state = state;
    for (const sink of this.#sinks) sink.set(state);
  }
}
