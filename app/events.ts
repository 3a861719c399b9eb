import type { LifecycleResult, Outcome } from './outcome.ts';

/** `namespace/name` */
export type PodName = string;

/** Why a pod waits. Part of the log's interface: docs/log-events.md. */
export type WaitKind =
  | 'terminating'
  | 'requested'
  | 'accepted'
  | 'refused'
  | 'do-not-disrupt'
  | 'capacity'
  | 'room'
  | 'slot'
  | 'priority'
  | 'budget'
  | 'unread budgets'
  | 'unread responders'
  | 'responder'
  | 'unread workload'
  | 'spread'
  | 'surge'
  | 'unverified'
  | 'returned'
  | 'in-flight limit';

/** A pod that the drain waits for, or has yet to evict. */
export type RemainingPod = {
  readonly pod: PodName;
  readonly uid: string;
  readonly reason: string;
  /** Its eviction was requested, or it is terminating. */
  readonly ending: boolean;
  /** A budget or the API server refuses its eviction. */
  readonly blocked: boolean;
  /** The budgets that refuse it, as `shop/web`, as far as they are known. */
  readonly budgets?: readonly string[];
  /** Who would create it again, as `ReplicaSet shop/web-7f9c`. */
  readonly owner?: string;
  /** What keeps it on the node, and other pods with it. All pods of a hold have the same object. */
  readonly hold?: Hold;
};

/** What keeps pods on a node. Part of the log's interface: docs/log-events.md. */
export type HoldCause =
  /** A budget that allows an eviction when more of its pods are ready, or a refusal that passes. */
  | 'transient'
  /** The arithmetic of a budget: it never allows an eviction. */
  | 'structural'
  /** Pods that are not ready, under a budget that keeps such pods, too. */
  | 'unhealthy'
  | 'several budgets'
  | 'webhook'
  /** By an admission plugin. */
  | 'refused'
  | 'finalizer'
  /** Containers still run long after the end of their grace period. */
  | 'kubelet'
  | 'do-not-disrupt'
  | 'capacity'
  | 'spread'
  /** A program that the pod names as its responder ends it in its own way. */
  | 'responder'
  | 'volume'
  /** A load balancer still has the node as a target. */
  | 'target'
  /** Other drains are before this one. */
  | 'slot';

/** Pods, or the node itself, that one thing holds. */
export type Hold = {
  readonly cause: HoldCause;
  /** What holds them: `budget shop/checkout`, `webhook virt-api`. */
  readonly by: string;
  /** Whose pods they are: `Deployment shop/checkout`. */
  readonly owner?: string;
  /** Empty: it holds the node, not pods. */
  readonly pods: readonly PodName[];
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** For people: what holds whom, and for how long. */
  readonly text: string;
  /** The command or change that ends it. */
  readonly remedy?: string;
  /** Time alone does not end it. */
  readonly needsChange: boolean;
  /** The budgets that hold them. */
  readonly budgets: readonly { readonly namespace: string; readonly name: string; readonly uid: string }[];
};

/**
 * Everything that a run reports, in the order in which it happens. Reporters turn these into JSON lines, plain text or a live
 * view. Types and fields are an interface: docs/log-events.md.
 */
export type RunEvent =
  | { type: 'run started'; version: string; target: string; cluster: string; dryRun: boolean }
  /** `cluster` and `group` become the dimensions of the run's metrics. `cluster` is undefined until the tags have named it. */
  | { type: 'action found'; cluster: string | undefined; group: string; hooks: readonly HookTimeouts[] }
  /** The tags of the instance name its cluster. */
  | { type: 'cluster found'; cluster: string }
  | { type: 'nothing to do'; reason: string }
  | { type: 'connected'; server: string; policyVersion: string }
  | { type: 'node found'; node: string; uid: string; providerID: string; matchedBy: string }
  | { type: 'waiting for capacity'; ready: number; desired: number }
  /** With `MAX_CONCURRENT_DRAINS`. `ahead`: drains that wait, too, and go first. */
  | { type: 'waiting for slot'; running: number; limit: number; ahead: number; reason: string }
  | { type: 'slot taken'; slot: string; waitedMs: number }
  /** With `WAIT_FOR_CAPACITY=pods`. `notFitting`: how many pods. */
  | { type: 'waiting for room'; notFitting: number; reason: string }
  | { type: 'cordoned'; node: string; excludedFromLoadBalancers: boolean }
  | { type: 'excluded from load balancers'; node: string }
  /** Its machine is off: its pods and volumes move at once. */
  | { type: 'out of service'; node: string; state: string }
  /** `changes`: what was undone, for people. */
  | { type: 'node restored'; node: string; changes: readonly string[] }
  /** The node object was deleted in the middle of the drain. `waitUntil`: how long its return is waited for. */
  | { type: 'node deleted'; node: string; waitUntil: number }
  /** The first list of the node's pods was read. */
  | { type: 'planned'; toDrain: number; toSkip: number }
  | { type: 'dry run decision'; action: 'evict' | 'skip' | 'wait'; pod: PodName; reason: string; cause?: HoldCause }

  /** The drain made a new plan. `remaining` is computed only for a reporter that calls it. */
  | { type: 'replanned'; remaining: (now: number) => readonly RemainingPod[] }
  /** `lost`: its containers run until the instance ends. */
  | { type: 'pod skipped'; pod: PodName; reason: string; lost: boolean }
  | { type: 'pod waiting'; pod: PodName; uid: string; waitReason: WaitKind; reason: string }
  /** Not logged, because most last a moment; they add up to the time that each thing has held the node. */
  | { type: 'hold began'; cause: HoldCause; by: string }
  /** Once for each cause, when it has lasted long enough to be worth a line: within a minute. `dryRun`: would hold them. */
  | { type: 'pods held'; hold: Hold; heldMs: number; dryRun?: boolean }
  /** `reported`: as `pods held`. Otherwise it is not logged. */
  | { type: 'hold ended'; cause: HoldCause; by: string; owner?: string; heldMs: number; reported: boolean }
  | { type: 'eviction requested'; pod: PodName; action: 'evict' | 'delete' | 'request' }
  | { type: 'eviction accepted'; pod: PodName }
  /** A Deployment, as `shop/web`, whose budgets can never allow an eviction is restarted by its rolling update. */
  | { type: 'surge started'; deployment: string; replicas: number; budgets: readonly string[] }
  | { type: 'surge finished'; deployment: string; seconds: number }
  /** Its rollout is not waited for any longer. */
  | { type: 'surge failed'; deployment: string; seconds: number; reason: string }
  /** `workload`: `StatefulSet shop/db`. */
  | { type: 'surge not possible'; workload: string; reason: string }
  | { type: 'pod gone'; pod: PodName; reason: string }
  /** Repeated every 30 s while the drain waits. */
  | { type: 'waiting for pods'; remaining: readonly RemainingPod[] }
  /** Every five minutes, of a drain that has lasted ten minutes or more. */
  | { type: 'drain still waiting'; minutes: number; group: string | undefined; remaining: readonly RemainingPod[] }
  | { type: 'deadline'; policy: string; remaining: readonly RemainingPod[] }
  | { type: 'action ending soon'; actionEndsAt: number; remaining: readonly RemainingPod[] }
  /** The first pod has to end now, if it is to have its whole grace period before the instance ends. */
  | { type: 'last resort'; endsAt: number; remaining: readonly RemainingPod[] }
  /** Once for each pod that has to end now. `reason`: what has kept it until then. */
  | { type: 'pod at risk'; pod: PodName; uid: string; reason: string }
  | { type: 'volumes attached'; volumes: readonly string[] }
  | { type: 'volumes detached'; count: number }
  | { type: 'volumes still attached'; volumes: readonly string[]; waitedMs: number }
  /** Load balancers may still send requests to the node. `targetGroups`: their names. */
  | { type: 'targets registered'; targetGroups: readonly string[] }
  | { type: 'targets deregistered'; count: number }
  | { type: 'targets still registered'; targetGroups: readonly string[]; reason: string; waitedMs: number }
  | { type: 'heartbeat'; hook: string }
  | { type: 'heartbeat failed'; hook: string; error: unknown; failures: number }
  /** The hook has no active lifecycle action: it timed out, or was completed elsewhere. */
  | { type: 'hook ended'; hook: string }
  | { type: 'hook completed'; hook: string; result: string }
  /** The action has ended with ABANDON, and the group keeps the instance running: the drain continues without heartbeats. */
  | { type: 'instance retained'; instanceId: string; group: string }
  | { type: 'retained instance terminated'; instanceId: string; group: string }
  | { type: 'hook not completed'; hook: string }
  | { type: 'hook completion failed'; hook: string; result: string; error: unknown }
  | { type: 'retrying'; operation: string; error: unknown; retryInMs: number }
  | { type: 'throttled'; pauseMs: number }
  | { type: 'warning'; message: string; error?: unknown }
  | { type: 'run failed'; error: unknown }
  /** A successor task continues this drain. */
  | { type: 'handed over'; task: string; generation: number }
  | { type: 'hand-over failed'; error: unknown }
  | { type: 'summary'; summary: Summary }
  /** `cluster` is undefined when the tags of each instance name it. */
  | { type: 'sweep started'; version: string; cluster: string | undefined; hook: string; dryRun: boolean }
  | { type: 'task would start'; instanceId: string; group: string }
  | { type: 'task started'; instanceId: string; group: string; task: string }
  /** Once for each reason in a sweep. */
  | { type: 'task refused'; reason: string; detail?: string; count: number; instanceIds: readonly string[] }
  /** Instances of these groups are terminated without a drain. */
  | { type: 'groups without hook'; hook: string; count: number; groupNames: readonly string[] }
  | { type: 'sweep summary'; cluster: string | undefined; summary: SweepSummary };

export type HookTimeouts = {
  readonly name: string;
  readonly heartbeatTimeoutSeconds: number;
  readonly globalTimeoutSeconds: number;
};

/** The line at the end of every drain. */
export type Summary = Totals & {
  readonly result: Outcome['kind'];
  readonly exitCode: number;
  /** The lifecycle result of the hooks, or why they have none. */
  readonly hook: LifecycleResult | 'none' | 'not completed' | 'failed';
  readonly target: string;
  readonly targetKind: 'instance' | 'node';
  /** Why the node was drained: `REASON`. */
  readonly reason: string;
  /** Undefined: the tags of the instance should have named it, and have not. */
  readonly cluster: string | undefined;
  /** The Auto Scaling group of the instance, if it is known. */
  readonly group: string | undefined;
  /** All pods that remained when the instance was terminated, or is now. */
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
  /** The pod that a budget blocked longest, and for how long. */
  readonly longestBlocked: { readonly pod: PodName; readonly seconds: number } | undefined;
  /** How long a budget blocked at least one pod. */
  readonly blockedSeconds: number;
  /** What held the node longest, and for how long; the longest first, five at most. */
  readonly heldBy: readonly { readonly by: string; readonly cause: HoldCause; readonly seconds: number }[];
  readonly heartbeats: number;
  readonly heartbeatsFailed: number;
};

/** The line at the end of every sweep: the waiting instances, and the tasks started for them. */
export type SweepSummary = {
  /** Auto Scaling groups that were checked. */
  readonly groups: number;
  /** Instances that wait at the hook, without those of other clusters. */
  readonly waiting: number;
  /** Instances that Auto Scaling has retained after their hook was abandoned, without those of other clusters. */
  readonly retained: number;
  /** Of the waiting and adopted instances: those that already have a task. */
  readonly withTask: number;
  /** Of those without a task: a task was started for them less than five minutes ago. */
  readonly recentlyStarted: number;
  /** Of those: an operator holds them. */
  readonly held: number;
  /** Of those: their tags do not name the one cluster that they belong to. */
  readonly clustersUnknown: number;
  /** Waiting or retained instances of other clusters. */
  readonly otherClusters: number;
  readonly started: number;
  readonly refused: number;
  /** Groups of the cluster without the hook; undefined: this sweep did not look. */
  readonly groupsWithoutHook: number | undefined;
  readonly seconds: number;
  readonly exitCode: number;
};

/** What a sweep counts: instances, and the groups that it checked. */
export type SweepCounts = Omit<SweepSummary, 'seconds' | 'exitCode'>;

export type Report = (event: RunEvent) => void;
