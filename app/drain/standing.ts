import { isFinished, isOfDaemonSet, isTerminating, type Pod } from './pod.ts';

/** Why a pod stays, or is no longer waited for. */
export type LeaveReason =
  | 'daemonset'
  | 'lasting daemonset'
  | 'mirror'
  | 'finished'
  | 'dead kubelet'
  | 'finalizer only'
  | 'comes back';

/** What a plan depends on besides the pods, the budgets and the time. */
export type Circumstances = {
  /** The drain's deadline has passed: delete what would otherwise be evicted. */
  readonly force: boolean;
  /** The lifecycle action is about to end: no order is kept and no pod is given time any more. */
  readonly lastResort: boolean;
  /** Is somebody there who ends the containers of a terminating pod? */
  readonly nodeReady: boolean;
  readonly drainDaemonSets: boolean;
  /** Milliseconds since the epoch: until then, pods that ask to be left to finish are. */
  readonly courtesyUntil: number;
};

/** Those in which a drain begins. */
export function atFirst(known: Pick<Circumstances, 'drainDaemonSets' | 'courtesyUntil'>): Circumstances {
  return { force: false, lastResort: false, nodeReady: true, ...known };
}

/** Where a pod stands before anybody asks anything of it. */
export type Standing =
  | { readonly kind: 'leave'; readonly why: LeaveReason }
  /** It is ending. `until`: when that may have to be judged anew. */
  | { readonly kind: 'terminating'; readonly until: number }
  | { readonly kind: 'to go' };

/** On a node whose kubelet is dead, a pod this long past its deletion deadline is not waited for any more. */
export const PAST_DEADLINE_MS = 60_000;

/**
 * @param since when it was first seen terminating, in milliseconds since the epoch; counts only if it is
 */
export function standingOf(pod: Pod, since: number, now: number, circumstances: Circumstances): Standing {
  if (pod.mirror) return { kind: 'leave', why: 'mirror' };
  if (isOfDaemonSet(pod)) {
    if (!circumstances.drainDaemonSets) return { kind: 'leave', why: 'daemonset' };
    if (pod.toleratesEverything) return { kind: 'leave', why: 'lasting daemonset' };
  }
  if (isFinished(pod)) return { kind: 'leave', why: 'finished' };
  if (!isTerminating(pod)) return { kind: 'to go' };
  if (circumstances.nodeReady) return { kind: 'terminating', until: Number.POSITIVE_INFINITY };
  // Nobody will ever report the end of this pod. Its kubelet is gone, and with it, most likely, the machine.
  if (!pod.running && pod.finalizers.length > 0) return { kind: 'leave', why: 'finalizer only' };
  const givenUpAt = since + (pod.deletion?.graceSeconds ?? 0) * 1000 + PAST_DEADLINE_MS;
  return now >= givenUpAt ? { kind: 'leave', why: 'dead kubelet' } : { kind: 'terminating', until: givenUpAt };
}

/** Who goes first: ordinary pods, then what they need to shut down (DNS, CNI), then what belongs to every node. */
export function rankOf(pod: Pod): number {
  if (isOfDaemonSet(pod)) return 2;
  return pod.critical ? 1 : 0;
}
