import type { Config } from '../../../app/config/drain-config.ts';
import type { Seeded } from '../../support/seeded.ts';

/** Times of a scenario are milliseconds after the start of the lifecycle action. */
export type Scenario = {
  readonly seed: number;
  readonly config: Config;
  readonly heartbeatTimeoutMs: number;
  /** The action ends after this long, with or without heartbeats. */
  readonly lifeMs: number;
  readonly tasks: readonly TaskPlan[];
  /** A sweep starts a task when none runs; undefined: nobody sweeps. */
  readonly sweepEveryMs: number | undefined;
  /** How long ECS takes to start a task; `refuses`: it starts no successor. */
  readonly ecs: { readonly startMs: number; readonly refuses: boolean };
  readonly node: NodePlan;
  readonly apps: readonly App[];
  readonly pods: readonly PodPlan[];
  readonly faults: readonly FaultWindow[];
  /** The share of calls to the cluster that fail besides, of those that took effect and of those that did not. */
  readonly errorRate: number;
  /** The largest latency of a call, and of the events of a watch. */
  readonly latencyMs: number;
  readonly watchLagMs: number;
  /** Until the disruption controller has seen a change. */
  readonly controllerMs: number;
  readonly capacityReadyAtMs: number;
};

export type TaskPlan = {
  readonly startsAtMs: number;
  /** Does it know the event, and with it when the action started? */
  readonly byEvent: boolean;
  readonly kill?: { readonly afterMs: number; readonly how: 'SIGTERM' | 'SIGKILL' };
};

export type NodePlan = {
  readonly exists: boolean;
  readonly instanceAgeMs: number;
  readonly events: readonly NodeEvent[];
};

export type NodeEvent =
  | { readonly kind: 'uncordon'; readonly atMs: number; readonly landsAfterMs: number | undefined }
  /** `Ready` is something else than `True` for a while; with `Unknown`, no kubelet does anything meanwhile. */
  | { readonly kind: 'flap'; readonly atMs: number; readonly ready: 'False' | 'Unknown'; readonly forMs: number }
  /** The object is deleted; the kubelet registers it again after a while, or never. */
  | { readonly kind: 'delete'; readonly atMs: number; readonly backAfterMs: number | undefined }
  /** The machine ends by itself, and its name goes to another one. */
  | { readonly kind: 'machine ends'; readonly atMs: number; readonly nameReusedAfterMs: number };

/** Several pods of one label, some of them on other nodes, and the budgets over them. */
export type App = {
  readonly name: string;
  readonly elsewhere: number;
  readonly budgets: readonly { readonly minAvailable: number; readonly policy: 'IfHealthyBudget' | 'AlwaysAllow' }[];
  /** When somebody relaxes the budgets; undefined: never. */
  readonly relaxedAtMs: number | undefined;
};

export type Mark = 'critical' | 'stays' | 'mirror' | 'daemonset' | 'tolerant daemonset' | 'bare' | 'returns';

export type PodPlan = {
  readonly name: string;
  readonly app: string;
  readonly mark: Mark | undefined;
  readonly graceSeconds: number;
  /** From SIGTERM until the containers have ended by themselves; after the grace period they are killed. */
  readonly shutdownMs: number;
  /** From its deletion until its replacement on another node is ready; undefined: there is none. */
  readonly replacedAfterMs: number | undefined;
  readonly arrivesAtMs: number;
  readonly phase: 'Running' | 'Pending' | 'Succeeded';
  readonly ready: boolean;
  /** A job: it ends by itself. */
  readonly finishesAtMs: number | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** A finalizer that is removed this long after the containers have ended; Infinity: never. */
  readonly finalizerMs: number | undefined;
  /** A volume that is detached this long after the containers have ended; Infinity: never. */
  readonly detachMs: number | undefined;
  readonly inTree: boolean;
  readonly webhook: Webhook | undefined;
  /** Only a native sidecar is left running. */
  readonly sidecarOnly: boolean;
};

/** An admission webhook that refuses the eviction of a pod. */
export type Webhook = {
  readonly code: number;
  /** It cannot be called, and its failurePolicy is Fail. */
  readonly unreachable: boolean;
  readonly deletionsToo: boolean;
  readonly untilMs: number;
};

export type FaultWindow = {
  readonly of: 'cluster' | 'aws';
  readonly kind: 'errors' | 'hangs' | 'throttled' | 'lost answers';
  readonly fromMs: number;
  readonly toMs: number;
};

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
export const INSTANCE = 'i-0123456789abcdef0';
export const GROUP = 'nodes';

/** Makes up one drain: a node with its pods, what happens to it, and how the drainer is set. */
export function randomScenario(seed: number, random: Seeded): Scenario {
  const lifeMs = random.pick(3 * MINUTE, 8 * MINUTE, 20 * MINUTE, 20 * MINUTE, 50 * MINUTE, 2 * HOUR, 6 * HOUR);
  const heartbeatTimeoutMs = Math.min(lifeMs, random.pick(60 * SECOND, 300 * SECOND, 300 * SECOND, 1_800 * SECOND));
  const apps = Array.from({ length: 1 + random.whole(4) }, (_, index) => randomApp(`app-${index}`, lifeMs, random));
  const sometime = (): number =>
    Math.floor(random.next() * (random.chance(0.6) ? Math.min(lifeMs, 10 * MINUTE) : lifeMs));
  /** When a drain has come to its waits, or to its last resort. */
  const late = (): number => Math.floor(lifeMs * (0.6 + 0.4 * random.next()));
  return {
    seed,
    config: randomConfig(lifeMs, random),
    heartbeatTimeoutMs,
    lifeMs,
    tasks: randomTasks(sometime, random),
    sweepEveryMs: random.chance(0.7) ? random.pick(MINUTE, 2 * MINUTE, 5 * MINUTE) : undefined,
    ecs: { startMs: random.pick(5 * SECOND, 30 * SECOND, 90 * SECOND), refuses: random.chance(0.1) },
    node: {
      exists: !random.chance(0.03),
      instanceAgeMs: random.pick(5 * MINUTE, 24 * HOUR),
      events: Array.from({ length: random.pick(0, 0, 1, 2) }, () => randomNodeEvent(sometime(), random)),
    },
    apps,
    pods: Array.from({ length: random.whole(14) }, (_, index) => randomPod(index, apps, { sometime, late }, random)),
    faults: Array.from({ length: random.pick(0, 0, 1, 2, 4) }, () => randomFault(sometime(), lifeMs, random)),
    errorRate: random.pick(0, 0, 0.02, 0.05),
    latencyMs: random.pick(0, 20, 300, 1_500),
    watchLagMs: random.pick(0, 50, 1_000),
    controllerMs: random.pick(20, 500, 2_000),
    capacityReadyAtMs: random.pick(0, sometime(), Number.POSITIVE_INFINITY),
  };
}

function randomApp(name: string, lifeMs: number, random: Seeded): App {
  const elsewhere = random.whole(4);
  const one = (): App['budgets'][number] => ({
    minAvailable: random.whole(elsewhere + 4),
    policy: random.pick('IfHealthyBudget', 'AlwaysAllow'),
  });
  const budgets = random.chance(0.35) ? [] : random.chance(0.1) ? [one(), one()] : [one()];
  return { name, elsewhere, budgets, relaxedAtMs: random.chance(0.4) ? Math.floor(random.next() * lifeMs) : undefined };
}

function randomConfig(lifeMs: number, random: Seeded): Config {
  const capacity = random.chance(0.15) ? { capacityTimeoutMs: random.pick(30 * SECOND, 10 * MINUTE) } : {};
  const deadline = random.chance(0.3)
    ? { drainDeadlineMs: random.pick(30 * SECOND, 5 * MINUTE, Math.floor(lifeMs / 2), lifeMs, 2 * lifeMs) }
    : {};
  return {
    target: { kind: 'instance', instanceId: INSTANCE, region: 'eu-central-1', action: {} },
    cluster: { kind: 'eks', name: 'prod', region: 'eu-central-1' },
    reason: 'termination',
    finishRetained: false,
    paused: false,
    onlyDrained: false,
    warnings: [],
    dryRun: false,
    force: false,
    connectTimeoutMs: random.pick(120 * SECOND, 120 * SECOND, 30 * SECOND, HOUR),
    loadBalancerExclusion: random.pick('end', 'end', 'start', 'off'),
    loadBalancerMs: random.pick(30 * SECOND, 0, 180 * SECOND),
    unprovenNode: 'refuse',
    volumeDetachTimeoutMs: random.pick(300 * SECOND, 300 * SECOND, 0, 20 * SECOND, 1_800 * SECOND),
    drainDaemonSets: random.chance(0.25),
    doNotDisruptMs: random.pick(0, 5 * MINUTE, HOUR),
    ...capacity,
    lastResortMs: random.pick(30 * SECOND, 30 * SECOND, 60 * SECOND, 120 * SECOND, 0),
    lastResort: random.pick('delete', 'delete', 'delete', 'evict'),
    finalizerMs: random.pick(300 * SECOND, 0, 30 * SECOND),
    spreadMs: 0,
    surge: 'off',
    evictionApi: 'auto',
    maxConcurrentDrains: 0,
    concurrencyKey: 'cluster',
    policies: {
      missingNode: random.pick('auto', 'continue', 'abandon'),
      onFailure: random.pick('leave', 'leave', 'abandon', 'continue'),
      onDeadline: random.pick('continue', 'abandon', 'force'),
    },
    ...deadline,
    generation: 0,
  };
}

function randomTasks(sometime: () => number, random: Seeded): TaskPlan[] {
  const one = (startsAtMs: number): TaskPlan => ({
    startsAtMs,
    byEvent: random.chance(0.8),
    ...(random.chance(0.2) && { kill: { afterMs: sometime(), how: random.pick('SIGTERM', 'SIGKILL') } }),
  });
  const first = one(random.pick(0, 20 * SECOND, 60 * SECOND, 3 * MINUTE));
  return random.chance(0.25) ? [first, one(sometime())] : [first];
}

function randomNodeEvent(atMs: number, random: Seeded): NodeEvent {
  const kind = random.whole(10);
  if (kind < 3)
    return { kind: 'uncordon', atMs, landsAfterMs: random.chance(0.6) ? random.pick(200, 2_000) : undefined };
  if (kind < 7) {
    const forMs = random.pick(5 * SECOND, 45 * SECOND, 90 * SECOND, 4 * MINUTE, Number.POSITIVE_INFINITY);
    return { kind: 'flap', atMs, ready: random.pick('False', 'Unknown'), forMs };
  }
  if (kind < 9) return { kind: 'delete', atMs, backAfterMs: random.pick(SECOND, 10 * SECOND, 35 * SECOND, undefined) };
  return { kind: 'machine ends', atMs, nameReusedAfterMs: random.pick(SECOND, 30 * SECOND) };
}

function randomPod(
  index: number,
  apps: readonly App[],
  { sometime, late }: { sometime: () => number; late: () => number },
  random: Seeded,
): PodPlan {
  const graceSeconds = random.pick(30, 30, 30, 0, 1, 60, 300, 900, 3_600, 30_000);
  const mark = random.chance(0.45)
    ? random.pick<Mark>(
        'critical',
        'stays',
        'mirror',
        'daemonset',
        'daemonset',
        'tolerant daemonset',
        'bare',
        'returns',
      )
    : undefined;
  const isJob = mark === undefined && random.chance(0.1);
  const app = random.pick(apps[0]?.name ?? '', ...apps.map(({ name }) => name));
  return {
    name: `pod-${index}`,
    app,
    mark,
    graceSeconds,
    shutdownMs: random.chance(0.15)
      ? Number.POSITIVE_INFINITY
      : Math.floor(graceSeconds * SECOND * random.next() * random.pick(1, 0.1, 0.01)),
    replacedAfterMs: random.chance(0.8) ? random.pick(SECOND, 20 * SECOND, 3 * MINUTE) : undefined,
    arrivesAtMs: random.chance(0.15) ? random.pick(sometime(), sometime(), late()) : -1,
    phase: random.chance(0.08) ? random.pick('Pending', 'Succeeded') : 'Running',
    ready: !random.chance(0.1),
    finishesAtMs: isJob ? sometime() : undefined,
    annotations: random.chance(isJob ? 0.7 : 0.12) ? randomWish(random) : {},
    finalizerMs: random.chance(0.06) ? random.pick(5 * SECOND, 2 * MINUTE, Number.POSITIVE_INFINITY) : undefined,
    detachMs: random.chance(0.25)
      ? random.pick(SECOND, 10 * SECOND, 100 * SECOND, 10 * MINUTE, Number.POSITIVE_INFINITY)
      : undefined,
    inTree: random.chance(0.2),
    webhook: random.chance(0.08) ? randomWebhook(sometime, random) : undefined,
    sidecarOnly: random.chance(0.1),
  };
}

function randomWish(random: Seeded): Record<string, string> {
  return random.pick<Record<string, string>>(
    { 'karpenter.sh/do-not-disrupt': 'true' },
    { 'karpenter.sh/do-not-disrupt': '10m' },
    { 'karpenter.sh/do-not-disrupt': 'never' },
    { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
    { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'on-completion' },
  );
}

function randomWebhook(sometime: () => number, random: Seeded): Webhook {
  return {
    code: random.pick(400, 403, 409, 429, 500, 503),
    unreachable: random.chance(0.25),
    deletionsToo: random.chance(0.2),
    untilMs: random.chance(0.5) ? Number.POSITIVE_INFINITY : sometime(),
  };
}

function randomFault(fromMs: number, lifeMs: number, random: Seeded): FaultWindow {
  const of = random.chance(0.8) ? 'cluster' : 'aws';
  const longest = of === 'aws' ? 15 * SECOND : random.pick(10 * SECOND, MINUTE, 5 * MINUTE);
  const isWhole = of === 'cluster' && random.chance(0.03);
  const from = isWhole ? 0 : random.chance(0.3) ? Math.min(fromMs, MINUTE) : fromMs;
  return {
    of,
    kind: random.pick('errors', 'hangs', 'throttled', 'lost answers'),
    fromMs: from,
    toMs: isWhole ? 2 * lifeMs : from + Math.floor(longest * random.next()),
  };
}
