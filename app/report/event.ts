import type { WaitReason } from '../drain/plan.ts';
import type { Outcome } from '../outcome.ts';

export type PodName = string;
/** `ending`: it was asked to end, or is ending; otherwise something keeps the drain from asking. */
export type Remaining = {
  readonly pod: PodName;
  readonly uid: string;
  readonly why: string;
  readonly ending: boolean;
  /** A budget or the API refuses it; otherwise it waits for its turn. */
  readonly blocked: boolean;
};

/** Everything that a run tells. Reporters turn these into JSON lines, plain text or a live view. */
export type DrainEvent =
  | { type: 'started'; version: string; target: string; cluster: string; dryRun: boolean }
  /** `cluster` and `group` are what the metrics of the run are filed under. */
  | { type: 'action found'; cluster: string; group: string; hooks: readonly HookTerms[] }
  | { type: 'nothing to do'; why: string }
  | { type: 'connected'; server: string; policyVersion: string }
  | { type: 'node found'; node: string; uid: string; providerID: string; by: string }
  | { type: 'cordoned'; node: string; excludedFromLoadBalancers: boolean }
  /** What the first look at the node's pods came to. */
  | { type: 'planned'; toGo: number; toStay: number }
  | { type: 'pod left'; pod: PodName; why: string }
  | { type: 'pod asked'; pod: PodName; how: 'evict' | 'delete' }
  | { type: 'pod accepted'; pod: PodName }
  | { type: 'pod waits'; pod: PodName; uid: string; because: WaitReason['kind']; why: string }
  | { type: 'pod gone'; pod: PodName; proof: string }
  /** The drain looked at the node again. What it saw is worked out only for those who want to know. */
  | { type: 'looked'; remaining: (now: number) => readonly Remaining[] }
  /** All that is left; `why` of each. Repeated while the drain waits. */
  | { type: 'waiting'; remaining: readonly Remaining[] }
  | { type: 'retrying'; what: string; error: unknown; inMs: number }
  | { type: 'throttled'; forMs: number }
  | { type: 'warning'; message: string; error?: unknown }
  | { type: 'beat'; hook: string }
  | { type: 'beat failed'; hook: string; error: unknown; failures: number }
  | { type: 'hook ended'; hook: string }
  | { type: 'action near its end'; endsAt: number; remaining: readonly Remaining[] }
  /** The action is about to end: what is left is asked at once, and this is what may be lost. */
  | { type: 'last resort'; endsAt: number; remaining: readonly Remaining[] }
  /** From the last resort on, once for each pod: unless it goes by then, the action's end takes it. `why`: it is still there. */
  | { type: 'pod at risk'; pod: PodName; uid: string; why: string }
  | { type: 'deadline'; policy: string; remaining: readonly Remaining[] }
  | { type: 'would'; act: 'evict' | 'leave' | 'wait'; pod: PodName; why: string }
  | { type: 'volumes attached'; volumes: readonly string[] }
  | { type: 'volumes detached'; count: number }
  | { type: 'volumes given up'; volumes: readonly string[]; afterMs: number }
  | { type: 'waiting for capacity'; ready: number; wanted: number }
  | { type: 'hook completed'; hook: string; result: string }
  | { type: 'hook left alone'; hook: string }
  | { type: 'completion failed'; hook: string; result: string; error: unknown }
  | { type: 'sweep started'; version: string; cluster: string; hook: string; dryRun: boolean }
  | { type: 'would start'; instanceId: string; group: string }
  | { type: 'failed'; error: unknown }
  /** Another task goes on where this one stops. */
  | { type: 'handed over'; task: string; generation: number }
  | { type: 'hand-over failed'; error: unknown }
  | { type: 'task started'; instanceId: string; group: string; task: string }
  | { type: 'task refused'; instanceId: string; group: string; reason: string; detail?: string }
  | { type: 'sweep summary'; cluster: string; summary: SweepSummary }
  | { type: 'summary'; summary: Summary };

export type HookTerms = {
  readonly name: string;
  readonly heartbeatTimeoutSeconds: number;
  readonly globalTimeoutSeconds: number;
};

/** The one line at the end of every run. */
export type Summary = Figures & {
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
export type Figures = {
  readonly node: string | undefined;
  readonly pods: { readonly evicted: number; readonly left: number; readonly remaining: number };
  /** The pod that a budget held up longest, and for how long. */
  readonly longestBlocked: { readonly pod: PodName; readonly seconds: number } | undefined;
  /** For how long at least one pod was held up by a budget. */
  readonly blockedSeconds: number;
  readonly beats: number;
  readonly heartbeatsFailed: number;
};

/** What a sweep found and did, in instances. */
export type SweepFound = Omit<SweepSummary, 'seconds' | 'exitCode'>;

/** The one line at the end of a sweep: what the groups' instances were waiting for, and what was done about it. */
export type SweepSummary = {
  /** Auto Scaling groups that were looked at. */
  readonly groups: number;
  /** Instances that wait at the hook. */
  readonly waiting: number;
  /** Of those: the ones that have a task already. */
  readonly covered: number;
  /** Of those: the ones of other clusters. */
  readonly elsewhere: number;
  readonly started: number;
  readonly refused: number;
  readonly seconds: number;
  readonly exitCode: number;
};

export type Report = (event: DrainEvent) => void;
