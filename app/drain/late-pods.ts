import { type Backoff, backoffMs } from '../lib/backoff.ts';
import { type DrainCluster, NodeGone } from './cluster.ts';
import type { Plan } from './decision.ts';
import { RETURNS_FORGOTTEN_MS } from './plan.ts';
import { controllerKeyOf, type Pod } from './pod.ts';
import type { DrainScope } from './scope.ts';
import type { DrainState } from './state.ts';

/** A controller whose pods return gets time to place them elsewhere: each return lengthens the pause before the next eviction. */
const RETURN_BACKOFF: Backoff = { firstMs: 1_000, maxMs: 60_000 };

/**
 * Verifies pods that appear after the first list: if the node's name went to another machine unnoticed, they are that machine's
 * pods. It also counts the returns of each controller. It observes; the plan decides.
 */
export class LatePods {
  readonly #cluster: DrainCluster;
  readonly #state: DrainState;
  readonly #scope: DrainScope;
  #verifying = false;

  constructor(cluster: DrainCluster, state: DrainState, scope: DrainScope) {
    this.#cluster = cluster;
    this.#state = state;
    this.#scope = scope;
  }

  /** Verifies the pods that wait for it, all with one read. */
  follow({ decisions }: Plan): void {
    const pods = decisions
      .filter((decision) => decision.action === 'wait' && decision.reason.kind === 'unverified')
      .map(({ pod }) => pod);
    if (pods.length === 0 || this.#verifying) return;
    this.#verifying = true;
    const done = () => {
      this.#verifying = false;
      this.#scope.wake();
    };
    this.#scope.spawn(this.#verify(pods).finally(done));
  }

  async #verify(pods: readonly Pod[]): Promise<void> {
    const { clock, signal, retryForever } = this.#scope;
    const isSame = () => this.#cluster.isSameNode(signal);
    if (!(await retryForever('verify that the node is still the same', isSame))) {
      throw new NodeGone('the node was deleted or replaced');
    }
    const now = clock.now();
    for (const controller of new Set(pods.map(controllerKeyOf))) {
      const before = this.#state.returns.get(controller);
      const isForgotten = before === undefined || now >= before.lastAt + RETURNS_FORGOTTEN_MS;
      const count = isForgotten ? 1 : before.count + 1;
      this.#state.returned(controller, { count, notBefore: now + backoffMs(RETURN_BACKOFF, count), lastAt: now });
    }
    this.#state.verified(pods);
  }
}
