import { retry, type TimedContext } from '../context.ts';
import { NodeGone } from '../drain/cluster.ts';
import { DrainScope } from '../drain/scope.ts';
import { Failure } from '../lib/errors.ts';
import type { NodeRef } from './find-node.ts';
import { type InstanceInfo, isOff, isOn } from './instance.ts';
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
  readonly #instance: InstanceInfo | Failure | undefined;
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
  async markIfOffAtStart(context: TimedContext): Promise<void> {
    const instance = this.#instance;
    if (instance === undefined || instance instanceof Failure || !isOff(instance)) return;
    await this.markIfOff(context);
  }

  /**
   * Asks EC2 whether the machine is off, and if so, marks the node. Asked right before: a machine that has been started again
   * meanwhile would lose its pods.
   * @returns whether the machine is off
   * @throws NodeGone; whatever is not transient; the reason of the signal
   */
  async markIfOff(context: TimedContext): Promise<boolean> {
    if (this.#isMarked) return true;
    const { report, signal } = context;
    const { name } = this.#node;
    let state: string | undefined;
    const mark = async () => {
      const instance = await this.#describe(context);
      if (instance === undefined || instance instanceof Failure || !isOff(instance)) return 'on';
      state = instance.state;
      return this.#cluster.markOutOfService(this.#node, signal);
    };
    const options = { what: `mark ${name} as out of service`, withinMs: Number.POSITIVE_INFINITY };
    const marked = await retry(options, mark, context);
    if (marked === 'on') return false;
    if (marked === 'replaced') throw new NodeGone(`node ${name} was deleted or replaced`);
    this.#isMarked = true;
    report({ type: 'out of service', node: name, state: state ?? '' });
    return true;
  }
}

/** Between two looks whether a stopped machine has been started again. */
const LOOK_MS = 15_000;

/** EC2 says that the machine, whose stop was the reason of the drain, is on again. */
export class MachineIsOn extends Error {
  override readonly name = 'MachineIsOn';
}

/**
 * Does the work as long as EC2 does not say that the machine has been started again: its node serves then, and its pods run.
 * @throws MachineIsOn; whatever the work rejects with
 */
export async function whileOff<T>(
  describe: (context: TimedContext) => Promise<InstanceInfo | Failure | undefined>,
  context: TimedContext,
  work: (context: TimedContext) => Promise<T>,
): Promise<T> {
  const scope = new DrainScope(context);
  const { clock, report, signal } = scope;
  const limited = { clock, report, signal, stopwatch: context.stopwatch };
  const look = async () => {
    for (;;) {
      await clock.sleep(LOOK_MS, signal);
      if (isOn(await describe(limited))) throw new MachineIsOn('the machine is on again');
    }
  };
  try {
    scope.spawn(look());
    return await work(limited);
  } finally {
    await scope.end();
  }
}
