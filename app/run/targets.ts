import { isIPv6 } from 'node:net';
import type { ClusterSource } from '../config/cluster-source.ts';
import type { Config } from '../config/drain-config.ts';
import { type Context, retry, type TimedContext } from '../context.ts';
import { HoldReports, holdOfNode } from '../drain/hold-reports.ts';
import { DrainScope } from '../drain/scope.ts';
import { abortable } from '../lib/abort.ts';
import type { Backoff } from '../lib/backoff.ts';
import { withTimeout } from '../lib/clock.ts';
import { adviceOf, Failure, isTransient } from '../lib/errors.ts';
import type { NodeRef } from './find-node.ts';
import type { Cluster, Ports } from './ports.ts';
import { type RegisteredTarget, type TargetGroups, targetGroupName } from './target-groups.ts';

type TargetsOptions = {
  /** Absent: only TargetGroupBindings say which groups are those of the cluster. */
  readonly clusterName: string | undefined;
  readonly instanceId: string;
  /** The node's own addresses, which are those of its pods on the host network. */
  readonly addresses: readonly string[];
  /** How long each call of the look is retried. */
  readonly stepTimeoutMs: number;
  /** LOAD_BALANCER_SECONDS */
  readonly leastMs: number;
  /** TARGETS_SECONDS */
  readonly timeoutMs: number;
};

/**
 * The pods that are registered by an address of the node, those of DaemonSets on the host network above all: they stay until the
 * instance ends, leave after this wait, or have left.
 */
export type HostPods = 'stay' | 'leave later' | 'have left';

/** The limit of DescribeTags: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html */
const MAX_TAGGED = 20;

const BACKOFF: Backoff = { firstMs: 1_000, maxMs: 30_000 };

/** Between two looks at a target. It takes longer and longer: an NLB needs minutes, and many drains share the limits of the API. */
const FIRST_INTERVAL_MS = 3_000;
const MAX_INTERVAL_MS = 15_000;

/** The least time that a look has, and a controller to deregister a target. */
const SETTLE_MS = 15_000;

/**
 * The target groups that have the node. It looks once, early in the drain, while the node is still registered: after it was excluded
 * from load balancers, a target that was deregistered looks like one that never was.
 */
export class NodeTargets {
  readonly #open: () => Promise<TargetGroups>;
  readonly #bound: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly #options: TargetsOptions;
  readonly #ids: ReadonlySet<string>;
  #looking: Promise<void> | undefined;
  /** Where the node was a target, by ARN, and may still be one. */
  readonly #registered = new Map<string, readonly RegisteredTarget[]>();
  #wasTarget = false;
  /** Why not everything is known; undefined: it is. */
  #failure: Failure | undefined;
  #hasWarned = false;

  /**
   * @param open the target groups of the region
   * @param bound the ARNs that TargetGroupBindings name
   */
  constructor(
    open: () => Promise<TargetGroups>,
    bound: (signal: AbortSignal) => Promise<readonly string[]>,
    options: TargetsOptions,
  ) {
    this.#open = open;
    this.#bound = bound;
    this.#options = options;
    this.#ids = new Set([options.instanceId, ...options.addresses.map(canonical)]);
  }

  /** Finds the target groups that have the node. @throws a bug; the reason of the signal */
  look(context: Context): Promise<void> {
    this.#looking = this.#look(context);
    return this.#looking;
  }

  /**
   * Waits until no target group has the node any longer, as far as that is known.
   * @param excludedAt when the node was excluded from load balancers, in milliseconds since the epoch
   * @param endsAt when the instance ends whatever we do; the wait does not last longer
   * @returns true: the node was a target, and no longer is; false: that is unknown, or nothing that is known has let it go
   * @throws a bug; the reason of the signal
   */
  async letGo(excludedAt: number, endsAt: number, hostPods: HostPods, context: Context): Promise<boolean> {
    const { leastMs, timeoutMs } = this.#options;
    const { clock, report, signal } = context;
    const startedAt = clock.now();
    await this.#known(Math.min(Math.max(excludedAt + leastMs, startedAt + SETTLE_MS), endsAt), context);

    const until = Math.min((hostPods === 'have left' ? startedAt : excludedAt) + timeoutMs, endsAt);
    const stuckAt = hostPods === 'stay' ? startedAt + Math.max(leastMs, SETTLE_MS) : Number.POSITIVE_INFINITY;
    const isAwaited = ({ id }: RegisteredTarget) => id === this.#options.instanceId || hostPods !== 'leave later';
    const pending = new Set([...this.#registered].filter(([, all]) => all.some(isAwaited)).map(([group]) => group));
    if (pending.size === 0) return this.#isFree;
    report({ type: 'targets registered', targetGroups: namesOf(pending) });
    const count = pending.size;
    const holds = new HoldReports(report);
    const giveUp = (groups: readonly string[], reason: string) => {
      const waitedMs = clock.now() - excludedAt;
      if (groups.length > 0)
        report({ type: 'targets still registered', targetGroups: namesOf(groups), reason, waitedMs });
      for (const group of groups) pending.delete(group);
    };
    try {
      for (let pauseMs = FIRST_INTERVAL_MS; ; pauseMs = Math.min(pauseMs * 1.5, MAX_INTERVAL_MS)) {
        for (const group of pending) {
          if (clock.now() < until) await this.#lookAgain(group, until, context);
          if (!this.#registered.get(group)?.some(isAwaited)) pending.delete(group);
        }
        if (pending.size === 0 && this.#isFree) report({ type: 'targets deregistered', count });
        if (clock.now() >= stuckAt) giveUp([...pending].filter(this.#isStuck), STUCK);
        if (clock.now() >= until)
          giveUp([...pending], until < endsAt ? 'TARGETS_SECONDS are over' : 'the instance ends soon');
        if (pending.size === 0) return this.#isFree;
        const what = `${pending.size} target group${pending.size === 1 ? ' has' : 's have'} the node (${namesOf(pending).join(', ')})`;
        holds.update(holdOfNode('target', 'target groups', what, REMEDY, startedAt), clock.now());
        await clock.sleep(Math.min(pauseMs, until - clock.now()), signal);
      }
    } finally {
      holds.end(clock.now());
    }
  }

  /** The node was a target, and as far as is known no group has it any longer. */
  get #isFree(): boolean {
    return this.#wasTarget && this.#registered.size === 0 && this.#failure === undefined;
  }

  /** Nobody has deregistered the node's address, and no instance target of the group keeps the wait going. */
  readonly #isStuck = (group: string): boolean =>
    (this.#registered.get(group) ?? []).every(({ id, draining }) => id !== this.#options.instanceId && !draining);

  /** Waits for the look, which may have failed in an outage and is then made once more. What is still unknown is reported once. */
  async #known(until: number, context: Context): Promise<void> {
    const { clock, report, signal } = context;
    const finish = async (limited: AbortSignal) => {
      await abortable(this.#looking ?? this.look({ clock, report, signal: limited }), limited);
      if (isTransient(this.#failure?.cause)) await this.#look({ clock, report, signal: limited });
    };
    try {
      await withTimeout(clock, Math.max(0, until - clock.now()), finish, signal);
    } catch (error) {
      if (signal.aborted || !isTransient(error)) throw error;
      this.#failure ??= error;
    }
    if (this.#failure === undefined || this.#hasWarned) return;
    this.#hasWarned = true;
    const advice = adviceOf(this.#failure) ?? 'give the task more time by LOAD_BALANCER_SECONDS';
    const message = `not every target group of the cluster is known, so the drain waits for LOAD_BALANCER_SECONDS: ${advice}, or set WAIT_FOR_TARGETS=off`;
    report({ type: 'warning', message, error: this.#failure });
  }

  async #look(context: Context): Promise<void> {
    const { signal } = context;
    const groups = await this.#open();
    let failure: Failure | undefined;
    const tryTo = async <T>(what: string, call: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await retry({ what, withinMs: this.#options.stepTimeoutMs, backoff: BACKOFF }, call, context);
      } catch (error) {
        if (signal.aborted || !(error instanceof Failure)) throw error;
        failure ??= error;
        return undefined;
      }
    };
    const arns = new Set(await tryTo('read TargetGroupBindings', () => this.#bound(signal)));
    for (let marker: string | undefined, isFirst = true; isFirst || marker !== undefined; isFirst = false) {
      if (this.#options.clusterName === undefined) break;
      const page = await tryTo('describe target groups', () => groups.page(marker, signal));
      const others = (page?.groups ?? []).filter((group) => !arns.has(group));
      for (let from = 0; from < others.length; from += MAX_TAGGED) {
        const some = others.slice(from, from + MAX_TAGGED);
        const tagged = await tryTo('describe the tags of target groups', () => groups.tags(some, signal));
        for (const { group, tags } of tagged ?? []) if (isOfCluster(tags, this.#options.clusterName)) arns.add(group);
        if (tagged === undefined) break;
      }
      marker = page?.next;
    }
    for (const group of arns) {
      const targets = await tryTo('describe the targets of a target group', () => groups.targets(group, signal));
      const own = (targets ?? []).filter(({ id }) => this.#ids.has(canonical(id)));
      if (own.length === 0) continue;
      this.#wasTarget = true;
      this.#registered.set(group, own);
    }
    this.#failure = failure;
  }

  /** Asks a group again for the targets that it had. Unless it answers, it has them. */
  async #lookAgain(group: string, until: number, { clock, signal }: Context): Promise<void> {
    const before = this.#registered.get(group) ?? [];
    const groups = await this.#open();
    try {
      const call = (signal: AbortSignal) => groups.stillTargets(group, before, signal);
      const targets = await withTimeout(clock, until - clock.now(), call, signal);
      if (targets.length > 0) this.#registered.set(group, targets);
      else this.#registered.delete(group);
    } catch (error) {
      if (signal.aborted || !(error instanceof Failure)) throw error;
    }
  }
}

const REMEDY =
  'see how long it drains its targets: aws elbv2 describe-target-group-attributes (deregistration_delay.timeout_seconds)';

const STUCK =
  'a pod that stays, such as one of a DaemonSet on the host network, is registered by the address of the node (DRAIN_DAEMONSETS=true)';

/** The target groups that have the node; undefined: they are not asked. */
export function targetsOf(
  { target, targetsMs, loadBalancerExclusion, loadBalancerMs, connectTimeoutMs }: Config,
  ports: Ports,
  cluster: Cluster,
  { internalIPs }: NodeRef,
  source: ClusterSource,
): NodeTargets | undefined {
  // Without the exclusion, nobody deregisters the node.
  if (target.kind === 'node' || targetsMs === undefined || loadBalancerExclusion === 'off') return undefined;
  return new NodeTargets(ports.targetGroups, (signal) => cluster.boundTargetGroups(signal), {
    clusterName: source.kind === 'kubeconfig-file' ? undefined : source.name,
    instanceId: target.instanceId,
    addresses: internalIPs,
    stepTimeoutMs: connectTimeoutMs,
    leastMs: loadBalancerMs,
    timeoutMs: targetsMs,
  });
}

/** Does the work while the targets are looked up beside it. @throws whatever the work rejects with; a bug of the look */
export async function whileLooking<T>(
  targets: NodeTargets | undefined,
  context: TimedContext,
  work: (context: TimedContext) => Promise<T>,
): Promise<T> {
  if (targets === undefined) return work(context);
  const scope = new DrainScope(context);
  const { clock, report, signal } = scope;
  try {
    scope.spawn(targets.look(scope));
    return await work({ clock, report, signal, stopwatch: context.stopwatch });
  } finally {
    await scope.end();
  }
}

/**
 * The tags of the AWS cloud provider and of the AWS Load Balancer Controller.
 * https://github.com/kubernetes/cloud-provider-aws/blob/v1.34.0/pkg/providers/v1/tags.go
 * https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/v2.13.0/pkg/deploy/tracking/provider.go
 */
function isOfCluster(tags: Readonly<Record<string, string>>, name: string): boolean {
  const ownership = tags[`kubernetes.io/cluster/${name}`];
  return ownership === 'owned' || ownership === 'shared' || tags['elbv2.k8s.aws/cluster'] === name;
}

/** An IPv6 address has several spellings. */
function canonical(id: string): string {
  return isIPv6(id) ? new URL(`http://[${id}]`).hostname.slice(1, -1) : id;
}

function namesOf(arns: Iterable<string>): string[] {
  return [...arns].map(targetGroupName);
}
