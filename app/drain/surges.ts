import { Denied, explain, isBug } from '../lib/errors.ts';
import type { DrainCluster } from './cluster.ts';
import type { Plan } from './decision.ts';
import type { Deployment } from './deployment.ts';
import { controllerKeyOf, nameOf, type Pod } from './pod.ts';
import { type DrainScope, WakeSignal } from './scope.ts';
import type { DrainState } from './state.ts';
import {
  isRolling,
  judgeSurge,
  movesPods,
  noDeployment,
  type Restart,
  type RolloutProgress,
  rolloutProgress,
  type SurgeCandidate,
  surgeCandidates,
} from './surge.ts';

/** Kubernetes' own default, for a Deployment without a progress deadline. */
const DEFAULT_PROGRESS_SECONDS = 600;

/** The Deployment controller itself says that the deadline is exceeded; this is for one that does not run. */
const CONTROLLER_MARGIN_SECONDS = 60;

/** Between two looks at a Deployment that has changed, or whose rollout has ended. */
const LOOK_AGAIN_MS = 1_000;

/** Its controller writes its status now and then; whoever writes it more often than this leaves no room for a restart. */
const MAX_CONFLICTS = 10;

/**
 * Restarts the Deployments of pods that no budget will ever let go, by their own rolling updates: they have a new pod before the old
 * one ends. While one rolls, the plan leaves its pods on the node to it. Each Deployment is restarted once in a drain; what cannot be
 * restarted is named, and its pods wait for their budgets as before.
 */
export class Surges {
  readonly #cluster: DrainCluster;
  readonly #state: DrainState;
  readonly #scope: DrainScope;
  readonly #drainStartedAt: number;
  /** By `controllerKeyOf` the pods. `passing`: their budgets may let them go, and no rollout was in progress. */
  readonly #handled = new Map<string, 'handled' | 'passing'>();
  /** In the latest plan, by `controllerKeyOf` the pods. */
  #waiting: ReadonlySet<string> = new Set();
  #isDenied = false;

  /** @param drainStartedAt milliseconds since the epoch; of a drain that was handed over: when its first task started it */
  constructor(cluster: DrainCluster, state: DrainState, scope: DrainScope, drainStartedAt: number) {
    this.#cluster = cluster;
    this.#state = state;
    this.#scope = scope;
    this.#drainStartedAt = drainStartedAt;
  }

  /** Looks at each workload that only a surge can move, or that one moves already. */
  follow(plan: Plan, isPodDue: (pod: Pod) => boolean): void {
    if (this.#isDenied) return;
    const candidates = surgeCandidates(plan, isPodDue);
    this.#waiting = new Set(candidates.map(({ pod }) => controllerKeyOf(pod)));
    for (const candidate of candidates) {
      const controller = controllerKeyOf(candidate.pod);
      const state = this.#handled.get(controller);
      if (state === 'handled' || (state === 'passing' && candidate.stuck.length === 0)) continue;
      this.#handled.set(controller, 'handled');
      this.#scope.spawn(this.#handle(candidate).catch((error: unknown) => this.#failed(candidate.pod, error)));
    }
  }

  async #handle(candidate: SurgeCandidate): Promise<void> {
    const { budgets, pod, stuck } = candidate;
    const { clock, retryForever, signal } = this.#scope;
    let at: number | undefined;
    for (let attempt = 1; attempt <= MAX_CONFLICTS; attempt++) {
      const what = `read the Deployment of pod ${nameOf(pod)}`;
      const found = await retryForever(what, () => this.#cluster.readDeployment(pod, signal));
      if (stuck.length === 0 && (found === undefined || !movesPods(found.deployment, budgets))) {
        this.#handled.set(controllerKeyOf(pod), 'passing');
        return;
      }
      if (found === undefined) return this.#impossible(noDeployment(pod));
      const { deployment, podsWanted } = found;
      const name = nameOf(deployment);
      // The answer to the restart was lost, but not the restart.
      if (at !== undefined && deployment.restartedAt === at) return this.#restarted(candidate, deployment, at);
      // Its ReplicaSet ends it already, and the watch of the pods has yet to show that.
      if (podsWanted === 0) return;
      const verdict = judgeSurge(deployment, this.#drainStartedAt);
      switch (verdict.kind) {
        case 'not possible':
          return this.#impossible({ workload: `Deployment ${name}`, reason: verdict.reason });
        case 'rolling': {
          const progress = await this.#followRollout(pod, deployment);
          if (progress !== 'complete') {
            return this.#impossible({ workload: `Deployment ${name}`, reason: progress.failed });
          }
          // If its pod is still on the node then, the next plan says so.
          await clock.sleep(LOOK_AGAIN_MS, signal);
          this.#handled.delete(controllerKeyOf(pod));
          this.#scope.wake();
          return;
        }
        case 'restart': {
          // The API may have been away for long: meanwhile the pod has left, has to end now, or its budget lets it go.
          if (!this.#waiting.has(controllerKeyOf(pod))) {
            this.#handled.delete(controllerKeyOf(pod));
            return;
          }
          const now = clock.now();
          at = now;
          const restart = () => this.#cluster.restartDeployment(deployment, now, signal);
          const restarted = await retryForever(`restart Deployment ${name}`, restart);
          if (restarted !== 'changed') return this.#restarted(candidate, restarted, now);
          await clock.sleep(LOOK_AGAIN_MS, signal);
        }
      }
    }
    const { workload } = noDeployment(pod);
    this.#impossible({
      workload,
      reason: `its Deployment changed ${MAX_CONFLICTS} times before it could be restarted`,
    });
  }

  /** @param at when, in milliseconds since the epoch */
  async #restarted({ pod, stuck }: SurgeCandidate, deployment: Deployment, at: number): Promise<void> {
    const { clock, report } = this.#scope;
    const { generation, replicas } = deployment;
    const name = nameOf(deployment);
    report({ type: 'surge started', deployment: name, replicas, budgets: stuck.map(nameOf) });
    const progress = await this.#followRollout(pod, deployment, { at, generation, replicas });
    const seconds = Math.round((clock.now() - at) / 1000);
    if (progress === 'complete') report({ type: 'surge finished', deployment: name, seconds });
    else report({ type: 'surge failed', deployment: name, seconds, reason: progress.failed });
  }

  /** Leaves the pods of this pod's ReplicaSet to the rollout of their Deployment until that has ended, or will not end. */
  async #followRollout(pod: Pod, from: Deployment, restart?: Restart): Promise<Exclude<RolloutProgress, 'running'>> {
    const { clock, signal: over } = this.#scope;
    const limitSeconds =
      (Number.isFinite(from.progressDeadlineSeconds) ? from.progressDeadlineSeconds : DEFAULT_PROGRESS_SECONDS) +
      CONTROLLER_MARGIN_SECONDS;
    const stop = new AbortController();
    const signal = AbortSignal.any([over, stop.signal]);
    const changes = new WakeSignal();
    let latest: Deployment | undefined = from;
    let changedAt = clock.now();
    const put = (deployment: Deployment | undefined) => {
      latest = deployment?.uid === from.uid ? deployment : undefined;
      changedAt = clock.now();
      changes.wake();
    };
    const sink = { replace: ([one]: readonly Deployment[]) => put(one), set: put, remove: () => put(undefined) };
    const controller = controllerKeyOf(pod);
    const untilSettled = async () => {
      for (;;) {
        this.#hold(controller, latest !== undefined && (restart !== undefined || isRolling(latest)), nameOf(from));
        const progress = rolloutProgress(latest, restart);
        if (progress !== 'running') return progress;
        const until = changedAt + limitSeconds * 1000;
        if (clock.now() >= until) return { failed: `nothing has changed for ${limitSeconds} s` };
        await changes.wait(clock, until, signal);
      }
    };
    const settled = untilSettled();
    const observed = this.#cluster.observeDeployment(from, sink, signal);
    try {
      return await Promise.race([settled, observed]);
    } finally {
      stop.abort(new Error(`the rollout of ${nameOf(from)} is no longer followed`));
      await Promise.allSettled([settled, observed]);
      this.#hold(controller, false);
    }
  }

  /** @param controller of the pods, as `controllerKeyOf` names it */
  #hold(controller: string, isHeld: boolean, deployment = ''): void {
    const { surging } = this.#state;
    if (surging.has(controller) === isHeld) return;
    if (isHeld) surging.set(controller, deployment);
    else surging.delete(controller);
    this.#scope.wake();
  }

  #impossible(why: { readonly workload: string; readonly reason: string }): void {
    this.#scope.report({ type: 'surge not possible', ...why });
  }

  /** @throws the reason of the signal, or a bug */
  #failed(pod: Pod, error: unknown): void {
    const { report, signal } = this.#scope;
    if (signal.aborted) throw signal.reason;
    if (isBug(error)) throw error;
    if (!(error instanceof Denied)) {
      const { workload } = noDeployment(pod);
      this.#impossible({ workload, reason: `its Deployment could not be restarted: ${explain(error)}` });
      return;
    }
    if (this.#isDenied) return;
    this.#isDenied = true;
    const message =
      'SURGE=blocked needs the right to restart Deployments and to follow their rollouts: apply infra/kubernetes/surge.yaml, or set SURGE=off';
    report({ type: 'warning', message, error });
  }
}
