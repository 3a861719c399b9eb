import type { Budget } from './budget.ts';
import type { Observed } from './observed.ts';
import type { Pod } from './pod.ts';
import { Rooms } from './rooms.ts';
import { type Circumstances, type LeaveReason, rankOf, standingOf } from './standing.ts';

/** Why the drain waits for a pod. */
export type WaitReason =
  /** `since`: when we first saw it terminating, by our own clock. */
  | { readonly kind: 'terminating'; readonly since: number }
  /** Pods of lower rank go first. */
  | { readonly kind: 'rank'; readonly after: number }
  /** It asks to be left to finish by itself. */
  | { readonly kind: 'courtesy'; readonly annotation: string; readonly until: number }
  | { readonly kind: 'asking' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'budget'; readonly budgets: readonly Budget[]; readonly named?: string }
  | { readonly kind: 'refused'; readonly message: string };

export type Verdict =
  | { readonly act: 'leave'; readonly pod: Pod; readonly why: LeaveReason }
  | { readonly act: 'wait'; readonly pod: Pod; readonly why: WaitReason }
  | { readonly act: 'evict'; readonly pod: Pod }
  /** Deleted with its own grace period: only when the deadline has passed and the policy is to force. */
  | { readonly act: 'delete'; readonly pod: Pod };

export type Plan = {
  readonly verdicts: readonly Verdict[];
  /** When time alone will change this plan; undefined if only events can. */
  readonly wakeAt: number | undefined;
};

/** Is nothing left that the drain acts on or waits for? */
export function isDone({ verdicts }: Plan): boolean {
  return verdicts.every(({ act }) => act === 'leave');
}

/** An accepted eviction shows as a deletion timestamp at once; one that does not by now was lost, and is sent again. */
export const ACCEPTED_FOR_MS = 30_000;

/**
 * The judgement of the drain: what is to be done about each pod now, and why.
 * It depends on nothing but what is observed, so that a missed event, a restart or a second drainer costs time at most.
 */
export function plan(observed: Observed, now: number, circumstances: Circumstances): Plan {
  const rooms = new Rooms(observed);
  const verdicts: Verdict[] = [];
  let wakeAt = Number.POSITIVE_INFINITY;
  const wait = (pod: Pod, why: WaitReason, until: number) => {
    verdicts.push({ act: 'wait', pod, why });
    wakeAt = Math.min(wakeAt, until);
  };
  const toGo: Pod[] = [];
  const terminating: Pod[] = [];

  for (const pod of inTurn(observed)) {
    const since = observed.terminatingSince.get(pod.uid) ?? now;
    const standing = standingOf(pod, since, now, circumstances);
    if (standing.kind === 'leave') {
      verdicts.push({ act: 'leave', pod, why: standing.why });
    } else if (standing.kind === 'terminating') {
      wait(pod, { kind: 'terminating', since }, standing.until);
      terminating.push(pod);
    } else if (observed.comingBack.has(pod.uid)) {
      verdicts.push({ act: 'leave', pod, why: 'comes back' });
    } else {
      toGo.push(pod);
    }
  }

  const { force, lastResort, courtesyUntil } = circumstances;
  const inNoHurry = !force && !lastResort;
  const ranks = [...toGo, ...terminating].map(rankOf);
  const lowest = Math.min(...ranks);
  for (const pod of toGo) {
    const attempt = observed.attempts.get(pod.uid);
    if (attempt?.state === 'asking') {
      wait(pod, { kind: 'asking' }, Number.POSITIVE_INFINITY);
    } else if (attempt?.state === 'accepted' && now < attempt.at + ACCEPTED_FOR_MS) {
      wait(pod, { kind: 'accepted' }, attempt.at + ACCEPTED_FOR_MS);
    } else if (attempt?.state === 'refused' && now < attempt.retryAt) {
      wait(pod, { kind: 'refused', message: attempt.message }, attempt.retryAt);
    } else if (force) {
      verdicts.push({ act: 'delete', pod });
    } else if (inNoHurry && pod.asksForTime !== undefined && now < courtesyUntil) {
      wait(pod, { kind: 'courtesy', annotation: pod.asksForTime, until: courtesyUntil }, courtesyUntil);
    } else if (inNoHurry && rankOf(pod) > lowest) {
      const after = ranks.filter((rank) => rank < rankOf(pod)).length;
      wait(pod, { kind: 'rank', after }, Number.POSITIVE_INFINITY);
    } else {
      const held = rooms.heldBy(pod, attempt);
      if (held === undefined || held.until <= now) {
        rooms.take(pod, now);
        verdicts.push({ act: 'evict', pod });
      } else {
        const named = attempt?.state === 'blocked' ? attempt.budget : undefined;
        wait(pod, { kind: 'budget', budgets: held.by, ...(named !== undefined && { named }) }, held.until);
      }
    }
  }
  return { verdicts, wakeAt: Number.isFinite(wakeAt) ? wakeAt : undefined };
}

/** Whose turn comes first: pods never asked for, then those whose last refusal is longest ago. */
function inTurn({ pods, attempts }: Observed): Pod[] {
  const asked = (pod: Pod) => attempts.get(pod.uid)?.at ?? 0;
  return [...pods].sort((a, b) => asked(a) - asked(b));
}
