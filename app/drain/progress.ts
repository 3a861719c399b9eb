import type { RemainingPod, Report } from '../events.ts';
import type { Timeline } from '../timeline.ts';
import type { Decision, Plan, WaitReason } from './plan.ts';
import { nameOf, type Pod } from './pod.ts';
import { reasonText } from './reasons.ts';

/** How often a drain that waits reports what it waits for. */
const WAITING_INTERVAL_MS = 30_000;

/** Waits of moments: what leads to them and what follows is reported as it happens. */
const BRIEF: ReadonlySet<WaitReason['kind']> = new Set([
  'requested',
  'accepted',
  'unread budgets',
  'unverified',
  'in-flight limit',
]);

/** Reports each decision of a drain when it is new, everything that remains from time to time, and the instants of its timeline. */
export class Progress {
  readonly #report: Report;
  readonly #timeline: Timeline;
  /** What was last reported of each pod, by UID. */
  readonly #reported = new Map<string, string>();
  readonly #requested = new Set<string>();
  #waitingAt: number;
  #planned = false;
  #warned = false;
  #deadlineReported = false;
  /** The pods that were reported at risk, by UID; absent before the last resort. */
  #atRisk: Set<string> | undefined;

  constructor(report: Report, startedAt: number, timeline: Timeline) {
    this.#report = report;
    this.#timeline = timeline;
    this.#waitingAt = startedAt + WAITING_INTERVAL_MS;
  }

  /** When something is to be reported even if nothing happens. */
  get nextAt(): number {
    const { action } = this.#timeline;
    return action === undefined || this.#warned ? this.#waitingAt : Math.min(this.#waitingAt, action.warnAt);
  }

  /** @param listed whether the plan rests on a list of the pods, or on nothing yet */
  report(plan: Plan, listed: boolean, now: number): void {
    if (listed && !this.#planned) {
      this.#planned = true;
      const toDrain = plan.decisions.filter(({ action }) => action !== 'skip').length;
      this.#report({ type: 'planned', toDrain, toSkip: plan.decisions.length - toDrain });
    }
    for (const decision of plan.decisions) this.#reportDecision(decision, now);
    this.#reportRisks(plan, now);
    this.#report({ type: 'replanned', remaining: (at) => remaining(plan, at) });
    if (now >= this.#waitingAt) {
      this.#waitingAt = now + WAITING_INTERVAL_MS;
      this.#report({ type: 'waiting for pods', remaining: remaining(plan, now) });
    }
    const { action } = this.#timeline;
    if (action !== undefined && !this.#warned && now >= action.warnAt) {
      this.#warned = true;
      this.#report({ type: 'action ending soon', actionEndsAt: action.endsAt, remaining: remaining(plan, now) });
    }
  }

  /** The drain's deadline has passed. Reported once. */
  deadline(plan: Plan, policy: string, now: number): void {
    if (this.#deadlineReported) return;
    this.#deadlineReported = true;
    this.#report({ type: 'deadline', policy, remaining: remaining(plan, now) });
  }

  /**
   * The last resort starts. Reported once; from then on every remaining pod is reported by name, once: its owner looks for a
   * name, not for a count.
   * @param before makes the plan that still keeps an order: it says why each pod is still there
   */
  lastResort(before: () => Plan, endsAt: number, now: number): void {
    if (this.#atRisk !== undefined) return;
    const plan = before();
    this.#report({ type: 'last resort', actionEndsAt: endsAt, remaining: remaining(plan, now) });
    this.#atRisk = new Set();
    this.#reportRisks(plan, now);
  }

  #reportRisks(plan: Plan, now: number): void {
    if (this.#atRisk === undefined) return;
    for (const decision of plan.decisions) {
      const { uid } = decision.pod;
      if (decision.action === 'skip' || this.#atRisk.has(uid)) continue;
      this.#atRisk.add(uid);
      this.#report({ type: 'pod at risk', pod: nameOf(decision.pod), uid, reason: reasonText(decision, now) });
    }
  }

  #reportDecision(decision: Decision, now: number): void {
    const { uid } = decision.pod;
    const pod = nameOf(decision.pod);
    switch (decision.action) {
      case 'skip':
        if (this.#isNew(uid, decision.reason)) {
          this.#report({ type: 'pod skipped', pod, reason: reasonText(decision, now) });
        }
        break;
      case 'wait': {
        const { kind } = decision.reason;
        if (BRIEF.has(kind) || (kind === 'terminating' && this.#reported.has(uid))) break;
        if (!this.#isNew(uid, kind === 'refused' ? `refused: ${decision.reason.message}` : kind)) break;
        this.#report({ type: 'pod waiting', pod, uid, waitReason: kind, reason: reasonText(decision, now) });
        break;
      }
      case 'evict':
      case 'delete':
        // A retry is not new, and neither is being refused again.
        if (!this.#requested.has(uid)) this.#reportDisruption(decision.pod);
        this.#requested.add(uid);
        if (!this.#reported.has(uid)) this.#reported.set(uid, decision.action);
    }
  }

  #reportDisruption(pod: Pod): void {
    if (pod.doNotDisrupt === undefined) return;
    const message = `pod ${nameOf(pod)}: evicted in spite of ${pod.doNotDisrupt}, because its time is over`;
    this.#report({ type: 'warning', message });
  }

  #isNew(uid: string, what: string): boolean {
    const isNew = this.#reported.get(uid) !== what;
    this.#reported.set(uid, what);
    return isNew;
  }
}

/** Every pod that the drain is not finished with, and why. */
export function remaining({ decisions }: Plan, now: number): RemainingPod[] {
  return decisions
    .filter(({ action }) => action !== 'skip')
    .map((decision) => ({
      pod: nameOf(decision.pod),
      uid: decision.pod.uid,
      reason: reasonText(decision, now),
      ending: waitsFor(decision, ENDING),
      blocked: waitsFor(decision, BLOCKED),
    }));
}

const ENDING: ReadonlySet<WaitReason['kind']> = new Set(['terminating', 'accepted', 'requested']);
const BLOCKED: ReadonlySet<WaitReason['kind']> = new Set(['budget', 'refused']);

function waitsFor(decision: Decision, kinds: ReadonlySet<WaitReason['kind']>): boolean {
  return decision.action === 'wait' && kinds.has(decision.reason.kind);
}
