import { retry, type TimedContext } from '../context.ts';
import { NodeGone } from '../drain/cluster.ts';
import { Failure } from '../lib/errors.ts';
import type { NodeRef } from './find-node.ts';
import { type InstanceInfo, isOff } from './instance.ts';
import type { Cluster } from './ports.ts';

/**
 * The machine of a node. When EC2 says that it is off, the node is marked as out of service: its pods and volumes then move in
 * seconds instead of six minutes. A kubelet that is silent proves nothing: its containers may run, and write to their volumes.
 * https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown
 */
export class Machine {
  readonly #cluster: Cluster;
  readonly #node: NodeRef;
  readonly #describe: (context: TimedContext) => Promise<InstanceInfo | Failure | undefined>;
  #instance: InstanceInfo | Failure | undefined;
  #isMarked = false;

  /** @param instance as EC2 described it when the run started */
  constructor(
    cluster: Cluster,
    node: NodeRef,
    instance: InstanceInfo | Failure | undefined,
    describe: (context: TimedContext) => Promise<InstanceInfo | Failure | undefined>,
  ) {
    this.#cluster = cluster;
    this.#node = node;
    this.#instance = instance;
    this.#describe = describe;
  }

  /** At the start of a drain: marks the node of a machine that was off already. @throws as `markIfOff` */
  async markIfKnownOff(context: TimedContext): Promise<boolean> {
    const instance = this.#instance;
    if (instance === undefined || instance instanceof Failure || !isOff(instance)) return false;
    if (this.#isMarked) return true;
    const { report, signal } = context;
    const { name } = this.#node;
    const options = { what: `mark ${name} as out of service`, withinMs: Number.POSITIVE_INFINITY };
    const marked = await retry(options, () => this.#cluster.markOutOfService(this.#node, signal), context);
    if (marked === 'replaced') throw new NodeGone(`node ${name} was deleted or replaced`);
    this.#isMarked = true;
    report({ type: 'out of service', node: name, state: instance.state ?? '' });
    return true;
  }

  /**
   * The kubelet is silent: asks EC2 whether the machine is off, and if so, marks the node.
   * @returns whether the machine is off
   * @throws NodeGone; whatever is not transient; the reason of the signal
   */
  async markIfOff(context: TimedContext): Promise<boolean> {
    if (!this.#isMarked) this.#instance = await this.#describe(context);
    return this.markIfKnownOff(context);
  }
}
