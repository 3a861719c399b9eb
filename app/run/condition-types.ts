/** https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5683-lifecycle-conditions */
export const DRAIN_CONDITION_TYPES = ['DrainInProgress', 'Drained'] as const;
export type DrainConditionType = (typeof DRAIN_CONDITION_TYPES)[number];

/** Why a condition has its status. Every other reason is that of another program, or of a person. */
export const DRAIN_CONDITION_REASONS = [
  'NodeDrainerStarted',
  'NodeDrainerCompleted',
  'NodeDrainerFailed',
  'NodeDrainerInterrupted',
  'NodeDrainerUndone',
] as const;
export type DrainConditionReason = (typeof DRAIN_CONDITION_REASONS)[number];

/** A drain condition that a node has. */
export type DrainCondition = { readonly type: DrainConditionType; readonly status: string; readonly reason: string };

/** A drain condition to set. */
export type NewDrainCondition = DrainCondition & {
  readonly status: 'True' | 'False';
  readonly reason: DrainConditionReason;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Had the condition another status before, or was there none? */
  readonly isTransition: boolean;
};
