import type { Reason, Target } from '../config/drain-config.ts';
import type { Context } from '../context.ts';
import { withTimeout } from '../lib/clock.ts';
import { Denied } from '../lib/errors.ts';
import type { Outcome } from '../outcome.ts';
import {
  DRAIN_CONDITION_REASONS,
  DRAIN_CONDITION_TYPES,
  type DrainCondition,
  type DrainConditionReason,
  type NewDrainCondition,
} from './condition-types.ts';
import type { NodeRef } from './find-node.ts';
import type { Cluster } from './ports.ts';

type Stage = { readonly inProgress: boolean; readonly drained: boolean; readonly reason: DrainConditionReason };

const STARTED: Stage = { inProgress: true, drained: false, reason: 'NodeDrainerStarted' };
const COMPLETED: Stage = { inProgress: false, drained: true, reason: 'NodeDrainerCompleted' };
const FAILED: Stage = { inProgress: false, drained: false, reason: 'NodeDrainerFailed' };
const INTERRUPTED: Stage = { inProgress: false, drained: false, reason: 'NodeDrainerInterrupted' };
const UNDONE: Stage = { inProgress: false, drained: false, reason: 'NodeDrainerUndone' };

/** A write that takes longer would not be worth the wait. */
const WRITE_TIMEOUT_MS = 5_000;
/** The end of a run waits this long for its last write. */
const END_TIMEOUT_MS = 2_000;

/**
 * Shows the drain of a node in its conditions `DrainInProgress` and `Drained`. Best effort: it never rejects, the drain waits for none of
 * its writes, and all failures together are one warning.
 */
export class DrainConditions {
  readonly #cluster: Pick<Cluster, 'setDrainConditions'>;
  readonly #node: NodeRef;
  readonly #context: Omit<Context, 'signal'>;
  /** What the node shows, as far as it is known. */
  #current: readonly DrainCondition[];
  #isOver = false;
  #warned = false;
  #isDenied = false;
  /** The writes so far: each one waits for the one before. */
  #written: Promise<void> = Promise.resolve();

  /** @param node as it was last read */
  constructor(cluster: Pick<Cluster, 'setDrainConditions'>, node: NodeRef, context: Omit<Context, 'signal'>) {
    this.#cluster = cluster;
    this.#node = node;
    this.#context = context;
    this.#current = node.drainConditions ?? [];
  }

  /** The node is cordoned: its drain has started. Returns at once. */
  start(target: Target, reason: Reason): void {
    void this.#write(STARTED, `Drain started by node-drainer: ${causeOf(target, reason)}`);
  }

  /**
   * Shows how the drain ended. After a hand-over it goes on, and a node that is gone has no conditions.
   * @param summary for people: `3 pods evicted, …`
   */
  async end({ kind }: Outcome, summary: string): Promise<void> {
    if (this.#isOver) return;
    switch (kind) {
      case 'handed over':
      case 'no node':
        // What is still on its way fails when the connection is closed.
        this.#warned = true;
        return;
      case 'drained':
        return this.#end(COMPLETED, `Drained by node-drainer: ${summary}`);
      case 'drained by peer':
        return this.#end(COMPLETED, 'Drained by another task of node-drainer');
      case 'stopped':
      case 'held':
      case 'no pending action':
        return this.#end(INTERRUPTED, `node-drainer ended before the drain was complete (${kind}): ${summary}`);
      default:
        return this.#end(FAILED, `Not drained by node-drainer (${kind}): ${summary}`);
    }
  }

  /** The node is back in service. */
  async undo(): Promise<void> {
    return this.#end(UNDONE, 'node-drainer has undone what its drain changed on the node');
  }

  async #end(stage: Stage, message: string): Promise<void> {
    this.#isOver = true;
    const write = () => this.#write(stage, message);
    await withTimeout(this.#context.clock, END_TIMEOUT_MS, write).catch((error: unknown) => this.#warn(error));
  }

  #write(stage: Stage, message: string): Promise<void> {
    this.#written = this.#written.then(() => this.#writeNow(stage, message));
    return this.#written;
  }

  async #writeNow(stage: Stage, message: string): Promise<void> {
    if (this.#isDenied) return;
    const { clock } = this.#context;
    const conditions = DRAIN_CONDITION_TYPES.map((type): NewDrainCondition => {
      const status = (type === 'Drained' ? stage.drained : stage.inProgress) ? 'True' : 'False';
      const isTransition = this.#current.find((condition) => condition.type === type)?.status !== status;
      return { type, status, reason: stage.reason, message, at: clock.now(), isTransition };
    });
    const set = (signal: AbortSignal) => this.#cluster.setDrainConditions(this.#node, conditions, signal);
    try {
      const result = await withTimeout(clock, WRITE_TIMEOUT_MS, set);
      if (result === 'set') this.#current = conditions;
    } catch (error) {
      this.#isDenied = error instanceof Denied;
      this.#warn(error);
    }
  }

  #warn(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const message = `node ${this.#node.name}: could not set its conditions DrainInProgress and Drained; the drain does not need them`;
    this.#context.report({ type: 'warning', message, error });
  }
}

/** Does the node still show a drain by this program? */
export function showsDrain({ drainConditions = [] }: NodeRef): boolean {
  return drainConditions.some(({ reason }) => isOurs(reason) && reason !== UNDONE.reason);
}

function isOurs(reason: string): boolean {
  return DRAIN_CONDITION_REASONS.some((ours) => ours === reason);
}

function causeOf({ kind }: Target, reason: Reason): string {
  if (kind === 'node') return 'a person has asked for it';
  switch (reason) {
    case 'termination':
      return 'Auto Scaling terminates its instance';
    case 'spot-interruption':
      return 'EC2 interrupts its Spot instance';
    case 'rebalance-recommendation':
      return 'EC2 recommends to replace its Spot instance';
    case 'scheduled-change':
      return 'EC2 has scheduled a change of its instance';
    case 'instance-stopped':
      return 'its instance has been stopped';
  }
}
