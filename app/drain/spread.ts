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

/** How many more pods of each workload without a budget may go, while one plan decides about pod after pod. */
export class SpreadAllowance {
  readonly #workloads: ObservedState['workloads'];
  /** Ready pods on the node that were not asked to leave, by workload. */
  readonly #readyHere = new Map<string, number>();

  constructor({ attempts, pods, workloads }: ObservedState) {
    this.#workloads = workloads;
    for (const pod of pods) {
      const state = attempts.get(pod.uid)?.state;
      if (servesNow(pod) && state !== 'requested' && state !== 'accepted') this.#add(pod, 1);
    }
  }

  /**
   * The workload of a pod that may not go now: with it, more than a quarter of the pods (at least one) would be missing, or none
   * would be ready. undefined: it may go.
   */
  heldBy(pod: Pod): ObservedWorkload | undefined {
    const workload = this.#workloads.get(controllerKeyOf(pod));
    // A workload of one pod is interrupted whenever that one goes.
    if (workload === undefined || workload === 'unknown' || workload.replicas <= 1) return undefined;
    const readyAfter = workload.readyElsewhere + (this.#readyHere.get(workload.name) ?? 0) - 1;
    const maxMissing = Math.max(1, Math.floor(workload.replicas / 4));
    return readyAfter < 1 || workload.replicas - readyAfter > maxMissing ? workload : undefined;
  }

  /** The pod goes by this plan. */
  take(pod: Pod): void {
    if (servesNow(pod)) this.#add(pod, -1);
  }

  #add(pod: Pod, count: number): void {
    const workload = this.#workloads.get(controllerKeyOf(pod));
    if (workload === undefined || workload === 'unknown') return;
    this.#readyHere.set(workload.name, (this.#readyHere.get(workload.name) ?? 0) + count);
  }
}

function servesNow(pod: Pod): boolean {
  return pod.ready && !isTerminating(pod) && !isFinished(pod);
}
