import type { Budget } from './budget.ts';
import type { Pod } from './pod.ts';

/** What became of the latest request to evict a pod. Times are milliseconds since the epoch. */
export type Attempt =
  | { readonly state: 'asking'; readonly at: number }
  | { readonly state: 'accepted'; readonly at: number }
  /** A budget said no. `budget` is the name that the API gave, if it gave one. */
  | { readonly state: 'blocked'; readonly at: number; readonly budget?: string }
  /** Refused for a reason that somebody may mend, or that passes: tried again at `retryAt`. */
  | { readonly state: 'refused'; readonly at: number; readonly retryAt: number; readonly message: string };

/** All that a plan is made from, but for the time and the circumstances. */
export type Observed = {
  readonly pods: readonly Pod[];
  readonly attempts: ReadonlyMap<string, Attempt>;
  /** The budgets of a namespace; a namespace whose budgets nobody has read is absent. */
  readonly budgets: ReadonlyMap<string, readonly Budget[]>;
  /** When the API last gave word of a budget, by its UID. */
  readonly asOf: ReadonlyMap<string, number>;
  /** Evictions that were sent and that a budget's status does not count yet, by the budget's UID. */
  readonly uncounted: ReadonlyMap<string, number>;
  /** Pods, by UID, that are sent away no more: no cordon keeps them from coming back. */
  readonly comingBack: ReadonlySet<string>;
  /** When each terminating pod, by UID, was first seen to be. By our own clock: the API server's may differ. */
  readonly terminatingSince: ReadonlyMap<string, number>;
};
