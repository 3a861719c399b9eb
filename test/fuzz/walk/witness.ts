import { INSTANCE } from './scenario.ts';
import type { TaskLife } from './tasks.ts';
import { claimOf, isDaemonSet, isRunning, type TruePod } from './truth.ts';
import type { Death, World } from './world.ts';

/** What happened to somebody that should not have; for people. */
export type Harm = { readonly kind: HarmKind; readonly text: string };

export type HarmKind =
  | 'completed too early'
  | 'not asked in time'
  | 'deleted early'
  | 'foreign'
  | 'volume attached'
  | 'held without traffic'
  | 'load balancers not waited for'
  | 'asked after the end'
  | 'gave up'
  | 'heartbeats stopped'
  | 'crashed'
  | 'never ends';

/** Why what looks like harm is none. The one place for these reasons: each is a setting, or beyond the reach of any drainer. */
export const REASONS = {
  'the machine ended by itself': 'nobody was asked',
  'no task was alive': 'it was killed, and no successor or sweep came in time',
  'asked as soon as possible':
    'its grace is longer than what was left of the action or the deadline, or the API was not there',
  'the kubelet was silent': 'nobody on the machine heard that the pod was to end',
  'LAST_RESORT=evict': 'somebody prefers budgets and webhooks to the grace of the pod',
  'a webhook denies the deletion, too': 'the API lets nobody end the pod',
  'it keeps returning': 'its controller puts it on this node whatever the drainer does',
  'the deadline': 'ON_DEADLINE=continue or abandon completes the hook while pods remain',
  ON_FAILURE: 'the API was not there for CONNECT_TIMEOUT_SECONDS, and ON_FAILURE says what then',
  'the node was lost': 'no node of the cluster was the instance any more, and MISSING_NODE says what then',
  'it came too late': 'a pod that is bound in the last moment was not there at the last look',
  VOLUME_DETACH_TIMEOUT_SECONDS: 'the volumes were waited for that long',
  'DaemonSets had to go': 'they must have their grace, too, and cut the wait short',
  'the waits lasted until the end': 'volumes and load balancers were waited for until the action had ended by itself',
} as const;
export type Reason = keyof typeof REASONS;

/** Clocks, latencies and the turns of the loops. */
const BLUR_MS = 5_000;
/** A silent kubelet counts as dead after this long, says docs/pods.md. */
const DEAD_AFTER_MS = 60_000;
const MAX_RETURNS = 5;
const SECOND = 1_000;

type Span = { readonly from: number; readonly to: number };

/**
 * Judges a walk by the truth of its world alone: what happened to the pods of the instance until it died, and to those of others. It
 * knows the settings, because they say what somebody wants, and nothing of what the drainer thought or said.
 */
export class Witness {
  readonly harm: Harm[] = [];
  readonly reasons = new Map<Reason, number>();
  readonly #world: World;
  readonly #tasks: readonly TaskLife[];
  /** An uninterrupted chance of this length is enough to ask a pod to end. */
  readonly #chanceMs: number;

  constructor(world: World, tasks: readonly TaskLife[]) {
    const { latencyMs, watchLagMs, errorRate } = world.scenario;
    this.#world = world;
    this.#tasks = tasks;
    this.#chanceMs = 20 * SECOND + 20 * latencyMs + 4 * watchLagMs + (errorRate > 0 ? 25 * SECOND : 0);
  }

  judge(): void {
    const { death } = this.#world;
    this.#judgeDeeds();
    for (const { exitCode, task } of this.#tasks)
      if (exitCode !== undefined && (exitCode < 0 || exitCode === 70))
        this.#found('crashed', `task ${task} exited with ${exitCode}`);
    if (death === undefined) return;
    this.#judgeRuns(death);
    if (death.cause === 'machine ended') {
      this.#excuse('the machine ended by itself');
      return;
    }
    this.#judgePods(death);
    if (death.cause === 'heartbeat timeout') this.#judgeHeartbeats(death);
    if (death.cause === 'global timeout') this.#countLastedUntilEnd(death);
    if (death.cause === 'completed') {
      this.#judgeVolumes(death);
      this.#judgeLoadBalancers(death);
    }
  }

  #found(kind: HarmKind, text: string): void {
    this.harm.push({ kind, text });
  }

  #excuse(reason: Reason): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  #ago(at: number): string {
    return `${((at - this.#world.startedAt) / SECOND).toFixed(1)} s`;
  }

  /** Is the pod meant to leave before its instance goes? */
  #mustLeave(pod: TruePod): boolean {
    const { mark } = pod.plan;
    if (pod.where !== 'machine' || mark === 'mirror' || mark === 'stays' || mark === 'tolerant daemonset') return false;
    return mark !== 'daemonset' || this.#world.scenario.config.drainDaemonSets;
  }

  /** The end of the action, or the first deadline of a task, whichever comes first. */
  get #earliestEnd(): number {
    const { config, lifeMs } = this.#world.scenario;
    const deadlines = config.policies.onDeadline === 'force' ? [] : this.#deadlines;
    return Math.min(this.#world.at(lifeMs), ...deadlines);
  }

  get #deadlines(): readonly number[] {
    const { drainDeadlineMs } = this.#world.scenario.config;
    if (drainDeadlineMs === undefined) return [];
    return this.#tasks.map(({ drainStartedAt }) => drainStartedAt + drainDeadlineMs);
  }

  /** The latest instant at which this pod has to be asked to end. */
  #latest(pod: TruePod, end: number): number {
    const { lastResortMs } = this.#world.scenario.config;
    return end - Math.max(1, pod.plan.graceSeconds) * SECOND - lastResortMs;
  }

  #judgePods(death: Death): void {
    for (const pod of this.#world.pods) {
      if (!this.#mustLeave(pod) || !isRunning(pod) || pod.bornAt > death.at) continue;
      const { endsEarly, reason } = this.#whyStillThere(pod, death);
      if (reason !== undefined) {
        this.#excuse(reason);
        continue;
      }
      const asked = pod.askedAt === undefined ? 'was never asked to end' : `was asked at ${this.#ago(pod.askedAt)}`;
      const story = `${pod.name} (grace ${pod.plan.graceSeconds} s) ${asked}, and still ran at ${this.#ago(death.at)}`;
      this.#found(endsEarly ? 'completed too early' : 'not asked in time', `${story} (${death.cause})`);
    }
  }

  #whyStillThere(pod: TruePod, death: Death): { endsEarly: boolean; reason: Reason | undefined } {
    const { config } = this.#world.scenario;
    const isCompleted = death.cause === 'completed';
    const isDeadline = config.policies.onDeadline !== 'force' && this.#deadlines.some((at) => death.at >= at - SECOND);
    const endsEarly = isCompleted && !isDeadline;
    const why = (reason: Reason | undefined) => ({ endsEarly, reason });
    if (pod.returns >= MAX_RETURNS) return why('it keeps returning');
    if (this.#cameTooLate(pod, death.at)) return why('it came too late');
    if (this.#isKubeletDead(death.at)) return why('the kubelet was silent');
    if (endsEarly) return why(this.#whyCompleted(death.at));
    if (death.cause === 'heartbeat timeout') return why('no task was alive');
    if (isDeadline) this.#excuse('the deadline');
    const from = Math.max(
      pod.bornAt,
      this.#latest(pod, isDeadline ? death.at : this.#world.at(this.#world.scenario.lifeMs)),
    );
    const wasLate = this.#hadChance({ from, to: pod.askedAt ?? death.at });
    if (!wasLate)
      return why(
        this.#tasks.some((task) => this.#aliveSpan(task, { from, to: death.at }))
          ? 'asked as soon as possible'
          : 'no task was alive',
      );
    const { webhook, app } = pod.plan;
    const isDenied = webhook !== undefined && this.#world.at(webhook.untilMs) > from;
    if (isDenied && webhook.deletionsToo) return why('a webhook denies the deletion, too');
    const hasBudget = this.#world.budgets.some((budget) => budget.app.name === app);
    if (config.lastResort === 'evict' && (isDenied || hasBudget)) return why('LAST_RESORT=evict');
    return why(undefined);
  }

  /** After the last look, or while the hook was being completed, which is tried for half a minute. */
  #cameTooLate({ bornAt }: TruePod, at: number): boolean {
    const { latencyMs, errorRate } = this.#world.scenario;
    if (bornAt > at - BLUR_MS - 2 * latencyMs) return true;
    const isRetried = errorRate > 0 || this.#isFault('aws', { from: bornAt, to: at });
    return isRetried && bornAt > at - 30 * SECOND;
  }

  #whyCompleted(at: number): Reason | undefined {
    const { config } = this.#world.scenario;
    if (config.policies.onFailure !== 'leave' && this.#tasks.some((task) => this.#couldNotConnect(task)))
      return 'ON_FAILURE';
    const isLost = this.#world.absences.some(({ from, to }) => from < at && to >= at);
    return isLost ? 'the node was lost' : undefined;
  }

  /** Was the kubelet silent for long enough to be taken for dead, and until now? */
  #isKubeletDead(at: number): boolean {
    return this.#world.silences.some(
      ({ from, to }) => to - from >= DEAD_AFTER_MS && at - from >= DEAD_AFTER_MS && to > at - BLUR_MS,
    );
  }

  #isFault(of: 'cluster' | 'aws', { from, to }: Span): boolean {
    const { faults } = this.#world.scenario;
    return faults.some(
      (fault) => fault.of === of && this.#world.at(fault.fromMs) < to && this.#world.at(fault.toMs) > from,
    );
  }

  /** Were the API or AWS away for about as long as the task tries to reach them, from its start on? */
  #couldNotConnect({ startedAt, endedAt }: TaskLife): boolean {
    const { scenario } = this.#world;
    const { connectTimeoutMs } = scenario.config;
    if (endedAt === undefined) return false;
    const away = scenario.faults.map(({ fromMs, toMs }) => {
      const from = Math.max(startedAt, this.#world.at(fromMs));
      return Math.max(0, Math.min(endedAt, this.#world.at(toMs)) - from);
    });
    return away.reduce((sum, ms) => sum + ms, 0) >= 0.7 * connectTimeoutMs;
  }

  #aliveSpan({ startedAt, endedAt, stoppedAt }: TaskLife, { from, to }: Span): Span | undefined {
    const span = { from: Math.max(startedAt, from), to: Math.min(stoppedAt ?? endedAt ?? to, endedAt ?? to, to) };
    return span.to > span.from ? span : undefined;
  }

  /** Could a task have asked within this span: was there time enough in which nothing was in its way? */
  #hadChance(span: Span): boolean {
    const { absences, scenario } = this.#world;
    const blocked = [
      ...absences,
      ...scenario.faults.map(({ fromMs, toMs }) => ({ from: this.#world.at(fromMs), to: this.#world.at(toMs) })),
    ].toSorted((a, b) => a.from - b.from);
    return this.#tasks.some((task) => {
      const own = this.#aliveSpan(task, span);
      if (own === undefined) return false;
      let { from } = own;
      for (const gap of blocked) {
        if (gap.to <= from) continue;
        if (Math.min(gap.from, own.to) - from >= this.#chanceMs) return true;
        from = Math.max(from, gap.to);
      }
      return own.to - from >= this.#chanceMs;
    });
  }

  /** Nobody is harmed, but the result of the hook is its default: `ABANDON`, unless somebody has changed it. */
  #countLastedUntilEnd({ at }: Death): void {
    const from = Math.max(
      this.#world.startedAt,
      ...this.#world.pods.map((pod) => (this.#mustLeave(pod) ? (pod.goneAt ?? at) : 0)),
    );
    if (this.#hadChance({ from, to: at })) this.#excuse('the waits lasted until the end');
  }

  #judgeHeartbeats({ at }: Death): void {
    const { heartbeatTimeoutMs } = this.#world.scenario;
    const span = { from: at - heartbeatTimeoutMs, to: at };
    const isCovered = this.#tasks.some((task) => {
      const own = this.#aliveSpan(task, { from: span.from + 30 * SECOND, to: at });
      return own !== undefined && own.from === span.from + 30 * SECOND && own.to === at;
    });
    const isConnecting = this.#isFault('cluster', span) || this.#world.absences.some(({ to }) => to > span.from);
    if (isCovered && !isConnecting && !this.#isFault('aws', span))
      this.#found('heartbeats stopped', `a task ran, and the action timed out at ${this.#ago(at)}`);
  }

  #judgeRuns(death: Death): void {
    const { scenario, absences } = this.#world;
    for (const task of this.#tasks) {
      const { endedAt, killed, stoppedAt } = task;
      if (killed || endedAt === undefined || endedAt >= death.at || stoppedAt !== undefined) continue;
      if (this.#couldNotConnect(task)) continue;
      const isLost = !scenario.node.exists || absences.some(({ from, to }) => from <= endedAt && to >= task.startedAt);
      if (isLost) continue;
      this.#found('gave up', `task ${task.task} ended at ${this.#ago(endedAt)}, before the instance did`);
    }
  }

  #judgeDeeds(): void {
    const { death, scenario } = this.#world;
    const { config } = scenario;
    for (const { at, pod, node, task, tookEffect, what } of this.#world.deeds) {
      const isAsk = what === 'evict' || what === 'delete';
      const isForeign =
        pod === undefined ? node !== undefined && node.instanceId !== INSTANCE : pod.where !== 'machine';
      if (tookEffect && isForeign)
        this.#found('foreign', `task ${task}: ${what} of ${pod?.name ?? node?.uid} at ${this.#ago(at)}`);
      if (isAsk && death !== undefined && at > death.at) {
        const hears = scenario.heartbeatTimeoutMs / 3 + 60 * SECOND;
        const isOwn = death.task === task;
        if (isOwn || at > death.at + hears)
          this.#found(
            'asked after the end',
            `task ${task}: ${what} of ${pod?.name} at ${this.#ago(at)}, dead since ${this.#ago(death.at)}`,
          );
      }
      if (what === 'delete' && tookEffect && pod !== undefined) {
        const isForced =
          config.policies.onDeadline === 'force' && this.#deadlines.some((deadline) => at >= deadline - SECOND);
        if (!isForced && at < this.#latest(pod, this.#earliestEnd) - BLUR_MS)
          this.#found(
            'deleted early',
            `${pod.name} at ${this.#ago(at)}, not due before ${this.#ago(this.#latest(pod, this.#earliestEnd))}`,
          );
      }
      if (what === 'exclude' && tookEffect && config.loadBalancerExclusion === 'end') this.#judgeHeld(at);
    }
  }

  /** Ready pods from which their load balancers were taken although nobody had asked them to end. */
  #judgeHeld(at: number): void {
    for (const pod of this.#world.pods) {
      const isReady = pod.plan.ready && pod.plan.phase === 'Running' && (pod.endedAt === undefined || pod.endedAt > at);
      if (!this.#mustLeave(pod) || isDaemonSet(pod) || !isReady || pod.returns > 0) continue;
      if (pod.bornAt > at - BLUR_MS || (pod.askedAt !== undefined && pod.askedAt <= at)) continue;
      if (at >= this.#latest(pod, this.#earliestEnd) - BLUR_MS) continue;
      const isKnown = !this.#isFault('cluster', { from: pod.bornAt, to: at });
      if (isKnown) this.#found('held without traffic', `${pod.name} from ${this.#ago(at)} on`);
    }
  }

  #judgeVolumes({ at }: Death): void {
    const { pods, volumes } = this.#world;
    const { volumeDetachTimeoutMs } = this.#world.scenario.config;
    const isLeaving = (pod: TruePod) => this.#mustLeave(pod) && pod.returns < MAX_RETURNS;
    const staying = pods.filter((pod) => pod.where === 'machine' && !isLeaving(pod) && pod.goneAt === undefined);
    const kept = new Set(
      staying.filter(({ plan, phase }) => plan.detachMs !== undefined && phase !== 'Succeeded').map(claimOf),
    );
    for (const { name, detachedAt, pod, inTree } of volumes) {
      if (
        detachedAt !== undefined ||
        kept.has(claimOf(pod)) ||
        (inTree && kept.size > 0) ||
        !isLeaving(pod) ||
        isRunning(pod)
      )
        continue;
      const emptySince = this.#emptySince(pod.endedAt ?? at);
      const reason = this.#whyAttached(at, emptySince, volumeDetachTimeoutMs);
      const since = `empty since ${this.#ago(emptySince)}`;
      if (reason === undefined) this.#found('volume attached', `${name} at ${this.#ago(at)}, ${since}`);
      else this.#excuse(reason);
    }
  }

  /** The first moment, not before this one, at which no pod ran that had to leave. Those that keep returning, and DaemonSets, delay no wait. */
  #emptySince(from: number): number {
    const lives = this.#world.pods
      .filter((pod) => this.#mustLeave(pod) && !isDaemonSet(pod) && pod.returns === 0 && pod.plan.phase === 'Running')
      .map(({ bornAt, endedAt = Number.POSITIVE_INFINITY }) => ({ from: bornAt, to: endedAt }))
      .toSorted((a, b) => a.from - b.from);
    let since = from;
    for (const life of lives) if (life.from <= since) since = Math.max(since, life.to);
    return since;
  }

  #whyAttached(at: number, emptySince: number, timeoutMs: number): Reason | undefined {
    const { config } = this.#world.scenario;
    if (at - emptySince >= timeoutMs - SECOND) return 'VOLUME_DETACH_TIMEOUT_SECONDS';
    if (this.#isTimeOver(at)) return 'the deadline';
    if (at >= this.#earliestEnd - BLUR_MS) return 'the waits lasted until the end';
    if (this.#world.silences.some(({ from, to }) => from < at && to - from >= DEAD_AFTER_MS))
      return 'the kubelet was silent';
    const graces = this.#world.pods
      .filter((pod) => isDaemonSet(pod) && this.#mustLeave(pod))
      .map((pod) => this.#latest(pod, this.#earliestEnd));
    if (config.drainDaemonSets && at >= Math.min(...graces) - BLUR_MS) return 'DaemonSets had to go';
    return this.#whyCompleted(at);
  }

  #isTimeOver(at: number): boolean {
    const { config } = this.#world.scenario;
    if (config.policies.onDeadline === 'force') return false;
    return this.#deadlines.some((deadline) => at >= deadline - SECOND);
  }

  #judgeLoadBalancers({ at }: Death): void {
    const { config } = this.#world.scenario;
    const { node } = this.#world;
    if (config.loadBalancerExclusion === 'off' || this.#isTimeOver(at)) return;
    if (node === undefined || !this.#world.scenario.node.exists) {
      this.#excuse('the node was lost');
      return;
    }
    // The wait ends two seconds before the end, by a start that may be known a second too early.
    if (at >= this.#earliestEnd - BLUR_MS) return;
    const { excludedAt } = node;
    if (excludedAt !== undefined && at - excludedAt >= config.loadBalancerMs - 1) return;
    const reason = this.#whyCompleted(at);
    if (reason !== undefined) {
      this.#excuse(reason);
      return;
    }
    const since = excludedAt === undefined ? 'never' : `at ${this.#ago(excludedAt)}`;
    this.#found('load balancers not waited for', `excluded ${since}, completed at ${this.#ago(at)}`);
  }
}
