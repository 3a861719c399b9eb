import { type Context, retry } from '../context.ts';
import { NodeGone } from '../drain/cluster.ts';
import { Failure } from '../lib/errors.ts';
import type { NodeRef } from './find-node.ts';
import type { Cluster } from './ports.ts';

/**
 * Takes the node out of its load balancers, once. That is right when no ready pod on it needs its traffic any more: earlier it
 * is an outage of every service with `externalTrafficPolicy: Local`. https://github.com/kubernetes/kubernetes/issues/65013
 */
export class LoadBalancerExclusion {
  readonly #cluster: Cluster;
  readonly #node: NodeRef;
  /** Milliseconds since the epoch; undefined: the label is not on the node yet. */
  #excludedAt: number | undefined;

  /** @param excludedAt when the cordon put the label on the node; undefined: it did not */
  constructor(cluster: Cluster, node: NodeRef, excludedAt: number | undefined) {
    this.#cluster = cluster;
    this.#node = node;
    this.#excludedAt = excludedAt;
  }

  /** Milliseconds since the epoch; undefined: not yet. */
  get excludedAt(): number | undefined {
    return this.#excludedAt;
  }

  /**
   * Puts the label on the node. A label that is refused, or that cannot be put on before the end, is reported: it costs
   * requests, and keeping the instance would not save them.
   * @param endsAt when the instance ends whatever we do
   * @throws NodeGone; a bug; the reason of the signal
   */
  async apply(endsAt: number, context: Context): Promise<void> {
    if (this.#excludedAt !== undefined) return;
    const { clock, report, signal } = context;
    const { name } = this.#node;
    const options = { what: `exclude ${name} from load balancers`, withinMs: Math.max(0, endsAt - clock.now()) };
    try {
      const excluded = await retry(options, () => this.#cluster.exclude(this.#node, signal), context);
      if (excluded === 'replaced') throw new NodeGone(`node ${name} was deleted or replaced`);
      report({ type: 'excluded from load balancers', node: name });
    } catch (error) {
      if (signal.aborted || !(error instanceof Failure)) throw error;
      report({ type: 'warning', message: `node ${name}: not excluded from load balancers`, error });
    }
    this.#excludedAt = clock.now();
  }

  /**
   * Waits until load balancers have had time to let the node go.
   * @param leastMs how long the node stays after it was excluded
   * @param endsAt when the instance ends whatever we do; the wait does not last longer
   */
  async wait(leastMs: number, endsAt: number, { clock, signal }: Context): Promise<void> {
    const waitMs = Math.min((this.#excludedAt ?? clock.now()) + leastMs, endsAt) - clock.now();
    if (waitMs > 0) await clock.sleep(waitMs, signal);
  }
}
