import type { Ended } from '../process/program.ts';

/** The result of a scenario. */
export type FaultResult = {
  /** Nodes to drain, and those that were drained: every pod gone, and the hook completed once with CONTINUE. */
  readonly nodes: number;
  readonly drained: number;
  /** What the witness saw happen to pods, volumes and traffic: `none`, or what and to whom. */
  readonly harm: string;
  /** The figures of this scenario, for people. */
  readonly figures: string;
  /** Why the scenario fails; empty when it passes. */
  readonly problems: readonly string[];
  /** Every program that ran; its output is searched for secrets. */
  readonly programs: readonly Ended[];
};

/** One failure, and the check that every node is drained in spite of it, without harm. */
export type FaultScenario = {
  readonly name: string;
  /** Needs the CPU: such scenarios run one after the other. The others mostly wait, and run concurrently. */
  readonly busy: boolean;
  run(): Promise<FaultResult>;
};
