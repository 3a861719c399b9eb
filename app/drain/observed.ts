import type { Budget } from './budget.ts';
import type { Refuser } from './cluster.ts';
import type { Pod } from './pod.ts';
import type { ObservedWorkload } from './workload.ts';

/** The latest request to evict a pod, and its answer. Times are milliseconds since the epoch. */
export type Attempt =
  | { readonly state: 'requested'; readonly at: number }
  | { readonly state: 'accepted'; readonly at: number }
  /** A budget refused. `budget` is the name that the API gave, if it gave one. */
  | { readonly state: 'blocked'; readonly at: number; readonly budget?: string }
  /** Refused for a reason that may pass or be fixed; `retryAt`: when it is retried. */
  | {
      readonly state: 'refused';
      readonly at: number;
      readonly retryAt: number;
      readonly message: string;
      readonly cause: RefusalCause;
      readonly by?: Refuser;
    };

/** `unanswered`: nobody judged the request, because the API failed or was busy. */
export type RefusalCause = 'unanswered' | 'eviction refused' | 'deletion refused';

/** Pods of one controller that returned to the cordoned node. */
export type Returns = {
  readonly count: number;
  /** Milliseconds since the epoch: the next one is not evicted before. */
  readonly notBefore: number;
  /** When the last one returned. */
  readonly lastAt: number;
};

/** What has come of the request to the responders of one pod. Times are ours, in milliseconds since the epoch. */
export type Response =
  /** No responder is active yet. */
  | { readonly state: 'requested'; readonly at: number }
  /** It is this responder's turn. `reportedAt`: when it last reported; absent: it has not acted. */
  | { readonly state: 'active'; readonly name: string; readonly at: number; readonly reportedAt?: number }
  /** No responder is left that could act, or the request failed. */
  | { readonly state: 'over' };

/** What is known of responders. */
export type ObservedResponders = {
  /** Is the API served to us? `unread`: not known yet. */
  readonly api: 'unread' | 'served' | 'off';
  /** By the pod's UID; absent: there is no request. */
  readonly responses: ReadonlyMap<string, Response>;
};

/** Everything that a plan is made from, apart from the time and the conditions. */
export type ObservedState = {
  readonly pods: readonly Pod[];
  /** By the pod's UID. */
  readonly attempts: ReadonlyMap<string, Attempt>;
  /** By namespace; a namespace whose budgets have not been read is absent. */
  readonly budgets: ReadonlyMap<string, readonly Budget[]>;
  /** When the API last showed a budget, by its UID. */
  readonly budgetSeenAt: ReadonlyMap<string, number>;
  /** Evictions that were sent and that a budget's status does not count yet, by the budget's UID. */
  readonly uncounted: ReadonlyMap<string, number>;
  /** By `controllerKeyOf` the pods; `unknown`: it could not be read, and nothing waits for it. */
  readonly workloads: ReadonlyMap<string, ObservedWorkload | 'unknown'>;
  /** By `controllerKeyOf` the pods: the Deployment, as `shop/web`, whose rolling update replaces them now. */
  readonly surging: ReadonlyMap<string, string>;
  /** Absent: responders are not asked. */
  readonly responders?: ObservedResponders;
  /** UIDs of pods that appeared after the first list, and have not been verified to be on the same node. */
  readonly unverified: ReadonlySet<string>;
  /** By `controllerKeyOf` the pods. */
  readonly returns: ReadonlyMap<string, Returns>;
  /** UIDs of the pods that an earlier drain of this node left where they were. */
  readonly skippedBefore: ReadonlySet<string>;
  /** When each terminating pod, by UID, was first seen to be: by our own clock, because the API server's may differ. */
  readonly terminatingSince: ReadonlyMap<string, number>;
  /** When all containers of a terminating pod, by UID, were first seen to have ended. */
  readonly endedSince: ReadonlyMap<string, number>;
};
