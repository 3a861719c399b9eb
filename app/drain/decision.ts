import type { CertainEnd } from '../timeline.ts';
import type { Budget } from './budget.ts';
import type { Refuser } from './cluster.ts';
import type { RefusalCause } from './observed.ts';
import type { Pod } from './pod.ts';
import type { ObservedWorkload } from './workload.ts';

/** What is done about one pod now, and why. */
export type Decision =
  | { readonly action: 'evict'; readonly pod: Pod }
  /** Its responders are asked to end it. */
  | { readonly action: 'request'; readonly pod: Pod }
  /** Deleted with its own grace period, because its certain end or a forced deadline leaves no time to ask again. */
  | { readonly action: 'delete'; readonly pod: Pod }
  | { readonly action: 'wait'; readonly pod: Pod; readonly reason: WaitReason }
  /** Neither evicted nor waited for. */
  | { readonly action: 'skip'; readonly pod: Pod; readonly reason: SkipReason };

export type SkipReason =
  | 'mirror'
  | 'daemonset'
  | 'daemonset last'
  | 'tolerant daemonset'
  | 'finished'
  | 'stays'
  | 'dead kubelet'
  | 'finalizer only'
  | 'keeps returning';

/** Why the drain waits for a pod. Instants are milliseconds since the epoch. */
export type WaitReason =
  /** `since`: when it was first seen terminating, by our own clock. */
  | { readonly kind: 'terminating'; readonly since: number }
  | { readonly kind: 'requested' }
  | { readonly kind: 'accepted' }
  /** `budgets`: those that select the pod, where several do, as far as they are known. */
  | {
      readonly kind: 'refused';
      readonly message: string;
      readonly cause?: RefusalCause;
      readonly by?: Refuser;
      readonly budgets?: readonly Budget[];
    }
  /** It asks not to be disrupted. */
  | { readonly kind: 'do-not-disrupt'; readonly annotation: string; readonly until: number }
  /** The Auto Scaling group does not have its ready nodes yet. */
  | { readonly kind: 'capacity' }
  /** The pods of the node would not fit on other nodes. */
  | { readonly kind: 'room' }
  /** As many other drains are running as may; `text` says which. */
  | { readonly kind: 'slot'; readonly text: string }
  /** `pods`: how many pods of lower priority leave first. */
  | { readonly kind: 'priority'; readonly pods: number }
  /** `over`: where several budgets select the pod, all of them, also those that allow its eviction. */
  | {
      readonly kind: 'budget';
      readonly budgets: readonly Budget[];
      readonly named?: string;
      readonly over?: readonly Budget[];
    }
  /** Several pods of its namespace are about to be evicted, and its budgets have not been read yet. */
  | { readonly kind: 'unread budgets' }
  /** It has responders, and it is not known yet whether the API server knows of them. */
  | { readonly kind: 'unread responders' }
  /** Its responders were asked to end it. `until`: when it is evicted, unless a responder acts, or reports once more. */
  | { readonly kind: 'responder'; readonly name: string; readonly hasActed: boolean; readonly until: number }
  /** No budget covers it, and it is not known yet how many pods its workload has. */
  | { readonly kind: 'unread workload' }
  /** No budget covers it, and too few other pods of its workload are ready. */
  | { readonly kind: 'spread'; readonly workload: ObservedWorkload; readonly until: number }
  /** A rolling update of its Deployment, as `shop/web`, replaces it, and then ends it. */
  | { readonly kind: 'surge'; readonly deployment: string }
  /** It appeared late: first verify that the node is still the one that was cordoned. */
  | { readonly kind: 'unverified' }
  /** Its controller put it on the cordoned node again. */
  | { readonly kind: 'returned'; readonly until: number }
  /** Enough evictions are in flight. */
  | { readonly kind: 'in-flight limit' };

/** Why no pod of the node is evicted yet. */
export type GateReason = Extract<WaitReason, { readonly kind: 'capacity' | 'room' | 'slot' }>;

export type Plan = {
  readonly decisions: readonly Decision[];
  /** When time alone changes this plan; undefined: only events do. */
  readonly wakeAt: number | undefined;
};

/** What a plan depends on besides the observed state and the time. */
export type PlanConditions = {
  /** The drain's deadline has passed, and the policy is to delete what would otherwise be evicted. */
  readonly force: boolean;
  /** When the instance ends whatever the pods do; undefined: nothing ends it before the drain does. */
  readonly certainEnd: CertainEnd | undefined;
  /** What is done about a pod whose latest instant to end has come, and whose eviction is refused. */
  readonly lastResort: 'delete' | 'evict';
  /** Is there a kubelet that ends the containers of a terminating pod? */
  readonly kubeletAlive: boolean;
  /** The first closed gate; undefined: all are open. */
  readonly gate: GateReason | undefined;
  /** `last`: only when their latest instant has come; whoever drains the node ends them later. */
  readonly daemonSets: 'skip' | 'last' | 'evict';
  /** Milliseconds since the epoch: until then, pods that ask not to be disrupted are not evicted. */
  readonly doNotDisruptUntil: number;
  /** How long a pod that no budget covers waits for others of its workload; 0: it does not. */
  readonly spreadMs: number;
  /** How long a pod is waited for whose containers have all ended and that only finalizers keep. */
  readonly finalizerMs: number;
};
