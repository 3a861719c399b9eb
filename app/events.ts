import type { Outcome } from './outcome.ts';

export type PodName = string;

/** What a drain waits for, pod by pod. */
export type WaitKind =
  | 'terminating'
  | 'requested'
  | 'accepted'
  | 'refused'
  | 'do-not-disrupt'
  | 'capacity'
  | 'priority'
  | 'budget'
  | 'unread budgets'
  | 'unverified'
  | 'returned'
  | 'in-flight limit';

/** `ending`: it was asked to end, or is ending; otherwise something keeps the drain from asking. */
export type RemainingPod = {
  readonly pod: PodName;
  readonly uid: string;
  readonly reason: string;
  readonly ending: boolean;
  /** A budget or the API refuses it; otherwise it waits for its turn. */
  readonly blocked: boolean;
};

/** Everything that a run tells. Reporters turn these into JSON lines, plain text or a live view. */
export type RunEvent =
  | { type: 'run started'; version: string; target: string; cluster: string; dryRun: boolean }
  /** `cluster` and `group` are what the metrics of the run are filed under. */
  | { type: 'action found'; cluster: string; group: string; hooks: readonly HookTimeouts[] }
  | { type: 'nothing to do'; reason: string }
  | { type: 'connected'; server: string; policyVersion: string }
  | { type: 'node found'; node: string; uid: string; providerID: string; by: string }
  | { type: 'cordoned'; node: string; excludedFromLoadBalancers: boolean }
  /** What the first look at the node's pods came to. */
  | { type: 'planned'; toDrain: number; toSkip: number }
  /** `lost`: it runs until the instance ends. */
  | { type: 'pod skipped'; pod: PodName; reason: string; lost: boolean }
  | { type: 'eviction requested'; pod: PodName; how: 'evict' | 'delete' }
  | { type: 'eviction accepted'; pod: PodName }
  | { type: 'pod waiting'; pod: PodName; uid: string; waitReason: WaitKind; reason: string }
  | { type: 'pod gone'; pod: PodName; proof: string }
  /** The drain looked at the node again. What it saw is worked out only for those who want to know. */
  | { type: 'replanned'; remaining: (now: number) => readonly RemainingPod[] }
  /** All that is left; `why` of each. Repeated while the drain waits. */
  | { type: 'waiting for pods'; remaining: readonly RemainingPod[] }
  | { type: 'retrying'; what: string; error: unknown; retryInMs: number }
  | { type: 'throttled'; pauseMs: number }
  | { type: 'warning'; message: string; error?: unknown }
  | { type: 'heartbeat'; hook: string }
  | { type: 'heartbeat failed'; hook: string; error: unknown; failures: number }
  | { type: 'hook ended'; hook: string }
  | { type: 'action ending soon'; endsAt: number; remaining: readonly RemainingPod[] }
  /** The action is about to end: what is left is asked at once, and this is what may be lost. */
  | { type: 'last resort'; endsAt: number; remaining: readonly RemainingPod[] }
  /** From the last resort on, once for each pod: unless it goes by then, the action's end takes it. `why`: it is still there. */
  | { type: 'pod at risk'; pod: PodName; uid: string; reason: string }
  | { type: 'deadline'; policy: string; remaining: readonly RemainingPod[] }
  | { type: 'dry run decision'; action: 'evict' | 'skip' | 'wait'; pod: PodName; reason: string }
  | { type: 'volumes attached'; volumes: readonly string[] }
  | { type: 'volumes detached'; count: number }
  | { type: 'volumes still attached'; volumes: readonly string[]; afterMs: number }
  | { type: 'waiting for capacity'; ready: number; wanted: number }
  | { type: 'hook completed'; hook: string; result: string }
  | { type: 'hook not completed'; hook: string }
  | { type: 'hook completion failed'; hook: string; result: string; error: unknown }
  | { type: 'sweep started'; version: string; cluster: string; hook: string; dryRun: boolean }
  | { type: 'task would start'; instanceId: string; group: string }
  | { type: 'run failed'; error: unknown }
  /** Another task goes on where this one stops. */
  | { type: 'handed over'; task: string; generation: number }
  | { type: 'hand-over failed'; error: unknown }
  | { type: 'task started'; instanceId: string; group: string; task: string }
  | { type: 'task refused'; instanceId: string; group: string; reason: string; detail?: string }
  | { type: 'sweep summary'; cluster: string; summary: SweepSummary }
  | { type: 'summary'; summary: Summary };

export type HookTimeouts = {
  readonly name: string;
  readonly heartbeatTimeoutSeconds: number;
  readonly globalTimeoutSeconds: number;
};

/** The one line at the end of every run. */
export type Summary = Totals & {
  readonly result: Outcome['kind'];
  readonly exitCode: number;
  /** What the hooks were told, or that they were left alone. */
  readonly hook: string;
  readonly target: string;
  readonly targetKind: 'instance' | 'node';
  readonly cluster: string;
  /** The Auto Scaling group of the instance, if it is known. */
  readonly group: string | undefined;
  /** Pods that the end of the instance took, or takes now: all of them, as `namespace/name`. */
  readonly lost: readonly PodName[];
  /** By phase. */
  readonly seconds: Readonly<Record<string, number>>;
  /** By verb. */
  readonly apiRequests: Readonly<Record<string, number>>;
};

/** What the events of a run add up to. */
export type Totals = {
  readonly node: string | undefined;
  readonly pods: { readonly evicted: number; readonly skipped: number; readonly remaining: number };
  /** The pod that a budget held up longest, and for how long. */
  readonly longestBlocked: { readonly pod: PodName; readonly seconds: number } | undefined;
  /** For how long at least one pod was held up by a budget. */
  readonly blockedSeconds: number;
  readonly heartbeats: number;
  readonly heartbeatsFailed: number;
};

/** What a sweep found and did, in instances. */
export type SweepCounts = Omit<SweepSummary, 'seconds' | 'exitCode'>;

/** The one line at the end of a sweep: what the groups' instances were waiting for, and what was done about it. */
export type SweepSummary = {
  /** Auto Scaling groups that were looked at. */
  readonly groups: number;
  /** Instances that wait at the hook. */
  readonly waiting: number;
  /** Of those: the ones that have a task already. */
  readonly withTask: number;
  /** Of those: the ones of other clusters. */
  readonly otherClusters: number;
  readonly started: number;
  readonly refused: number;
  readonly seconds: number;
  readonly exitCode: number;
};

export type Report = (event: RunEvent) => void;
