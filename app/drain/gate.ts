import type { Context } from '../context.ts';
import type { GateReason } from './decision.ts';
import type { DrainScope } from './scope.ts';

/** What the evictions of a drain wait for, besides the pods themselves. Pods that have to end now do not wait for it. */
export type Gate = {
  /** Undefined: the gate is open. */
  readonly reason: GateReason | undefined;
  /** Works towards the opening of the gate, and calls `changed` whenever it may have opened or closed. */
  watch(changed: () => void, context: Context): Promise<unknown>;
};

/** A gate that opens when the task is done, and stays open. A drain that ends first leaves it open, too: the wait is not repeated. */
export function opensAfter(reason: GateReason, task: (context: Context) => Promise<void>): Gate {
  let isOpen = false;
  return {
    get reason() {
      return isOpen ? undefined : reason;
    },
    async watch(changed, context) {
      if (isOpen) return;
      try {
        await task(context);
      } finally {
        isOpen = true;
      }
      changed();
    },
  };
}

/** The gates of one drain, one behind the other: the work towards a gate begins when those before it are open. */
export class Gates {
  readonly #scope: DrainScope;
  readonly #gates: readonly Gate[];
  #watched = 0;

  constructor(scope: DrainScope, gates: readonly Gate[]) {
    this.#scope = scope;
    this.#gates = gates;
  }

  /** Why no pod is evicted yet; undefined: all gates are open. Starts the work towards the first closed gate. */
  look(): GateReason | undefined {
    for (const [index, gate] of this.#gates.entries()) {
      if (index === this.#watched) {
        this.#watched++;
        this.#scope.spawn(gate.watch(this.#scope.wake, this.#scope));
      }
      const { reason } = gate;
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
}
