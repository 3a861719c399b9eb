import { budgetsOf } from './budget.ts';
import type { ObservedState } from './observed.ts';
import { controllerKeyOf, isFinished, isTerminating, type Pod } from './pod.ts';
import type { ObservedWorkload } from './workload.ts';

/** Workloads of which one pod after the other can move: the pods of Jobs serve nobody, and those of others have no status to read. */
const SPREAD_KINDS = new Set(['ReplicaSet', 'StatefulSet']);

/** May the drain have to leave this pod where it is until another one of its workload is ready? */
export function isSpread(pod: Pod, { budgets }: Pick<ObservedState, 'budgets'>): boolean {
  if (pod.controller === undefined || !SPREAD_KINDS.has(pod.controller.kind) || !servesNow(pod)) return false;
  return budgetsOf(pod, budgets.get(pod.namespace) ?? []).length === 0;
}

/**
 * Which pods of each workload without a budget may go now: of those that may be missing, the ones that come first by their UID. Where
 * several nodes are drained, each drain sees the same pods, and finds the same ones to be first. So they keep the rule together, and
 * need to agree on nothing.
 */
export class SpreadAllowance {
  readonly #workloads: ObservedState['workloads'];
  /** Ready pods on the node that stay as far as this plan knows, by workload. */
  readonly #readyHere = new Map<string, number>();
  /** UIDs of the pods on the node that nothing else holds, by workload. */
  readonly #candidates = new Map<string, string[]>();

  /**
   * @param candidates the pods that nothing else holds
   * @param goesAnyway is there no time to wait for others?
   */
  constructor(
    { attempts, pods, workloads }: ObservedState,
    candidates: readonly Pod[],
    goesAnyway: (pod: Pod) => boolean,
  ) {
    this.#workloads = workloads;
    const going = new Set(candidates.filter(goesAnyway));
    for (const pod of pods) {
      const state = attempts.get(pod.uid)?.state;
      const workload = this.#workloadOf(pod);
      if (workload === undefined || !servesNow(pod) || state === 'requested' || state === 'accepted') continue;
      if (!going.has(pod)) this.#readyHere.set(workload.name, (this.#readyHere.get(workload.name) ?? 0) + 1);
    }
    for (const pod of candidates) {
      const workload = this.#workloadOf(pod);
      if (workload === undefined || !servesNow(pod) || going.has(pod)) continue;
      this.#candidates.set(workload.name, [...(this.#candidates.get(workload.name) ?? []), pod.uid]);
    }
  }

  /**
   * The workload of a pod that may not go now: more than a quarter of its pods (at least one) would be missing, or none would be
   * ready. undefined: it may go.
   */
  heldBy(pod: Pod): ObservedWorkload | undefined {
    const workload = this.#workloadOf(pod);
    // A workload of one pod is interrupted whenever that one goes.
    if (workload === undefined || workload.replicas <= 1) return undefined;
    const ready = workload.readyElsewhere + (this.#readyHere.get(workload.name) ?? 0);
    const maxMissing = Math.max(1, Math.floor(workload.replicas / 4));
    const mayGo = Math.min(maxMissing - (workload.replicas - ready), ready - 1);
    const others = [...workload.leaving, ...(this.#candidates.get(workload.name) ?? [])];
    return others.filter((uid) => uid < pod.uid).length < mayGo ? undefined : workload;
  }

  #workloadOf(pod: Pod): ObservedWorkload | undefined {
    const workload = this.#workloads.get(controllerKeyOf(pod));
    return workload === 'unknown' ? undefined : workload;
  }
}

function servesNow(pod: Pod): boolean {
  return pod.ready && !isTerminating(pod) && !isFinished(pod);
}
