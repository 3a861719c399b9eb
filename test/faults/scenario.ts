import type { Ended } from '../process/program.ts';

/** What a scenario came to. */
export type Figure = {
  /** Nodes that were to be drained, and those that were: every pod gone, and the hook told CONTINUE, once. */
  readonly nodes: number;
  readonly drained: number;
  /** The figures that count in this scenario, in words. */
  readonly told: string;
  /** What is not as promised, in words; empty when all is well. */
  readonly faults: readonly string[];
  /** Every program that ran: whatever it said is searched for secrets. */
  readonly programs: readonly Ended[];
};

/** One thing that goes wrong, and the proof that nothing is lost by it. */
export type FaultScenario = {
  readonly name: string;
  /** Scenarios that keep the processors busy run one after the other; the others, which mostly wait, all at once. */
  readonly busy: boolean;
  run(): Promise<Figure>;
};
