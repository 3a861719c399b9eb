import type { Hold, RemainingPod, Report } from '../events.ts';
import type { Timeline } from '../timeline.ts';
import type { Decision, Plan, WaitReason } from './decision.ts';
import { HoldReports } from './hold-reports.ts';
import { describe, type Holds, holdsOf, NO_HOLDS, reportedHolds } from './holds.ts';
import { nameOf, type Pod } from './pod.ts';
import { reasonText } from './reasons.ts';

/** How often a drain that waits reports what it waits for. */
const WAITING_INTERVAL_MS = 30_000;

/** Waits of moments: what leads to them and what follows is reported as it happens. */
const BRIEF: ReadonlySet<WaitReason['kind']> = new Set([
  'requested',
  'accepted',
  'capacity',
  'room',
  'slot',
  'unread budgets',
  'unread responders',
  'unread workload',
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
  readonly #invalid = new Set<string>();
  readonly #holdReports: HoldReports;
  #holds = NO_HOLDS;
  #waitingAt: number;
  #planned = false;
  #warned = false;
  #deadlineReported = false;
  #lastResortReported = false;
  /** The pods that were reported at risk, by UID. */
  readonly #atRisk = new Set<string>();

  constructor(report: Report, startedAt: number, timeline: Timeline) {
    this.#report = report;
    this.#holdReports = new HoldReports(report);
    this.#timeline = timeline;
    this.#waitingAt = startedAt + WAITING_INTERVAL_MS;
  }

  /** When something is to be reported even if nothing happens. */
  get nextAt(): number {
    const { action } = this.#timeline;
    const warnAt = action === undefined || this.#warned ? Number.POSITIVE_INFINITY : action.warnAt;
    return Math.min(this.#waitingAt, warnAt, this.#holdReports.nextAt);
  }

  /** @param listed whether the plan rests on a list of the pods, or on nothing yet */
  report(plan: Plan, listed: boolean, now: number): void {
    if (listed && !this.#planned) {
      this.#planned = true;
      const toDrain = plan.decisions.filter(({ action }) => action !== 'skip').length;
      this.#report({ type: 'planned', toDrain, toSkip: plan.decisions.length - toDrain });
    }
    for (const decision of plan.decisions) {
      this.#reportDecision(decision, now);
      this.#reportInvalid(decision.pod);
    }
    const holds = holdsOf(plan, now, this.#holds);
    this.#holds = holds;
    this.#holdReports.update(reportedHolds(holds), now);
    this.#report({ type: 'replanned', remaining: (at) => remaining(plan, at, holds) });
    if (now >= this.#waitingAt) {
      this.#waitingAt = now + WAITING_INTERVAL_MS;
      this.#report({ type: 'waiting for pods', remaining: remaining(plan, now, holds) });
    }
    const { action } = this.#timeline;
    if (action !== undefined && !this.#warned && now >= action.warnAt) {
      this.#warned = true;
      this.#report({ type: 'action ending soon', actionEndsAt: action.endsAt, remaining: remaining(plan, now, holds) });
    }
  }

  /** The drain's deadline has passed. Reported once. */
  deadline(plan: Plan, policy: string, now: number): void {
    if (this.#deadlineReported) return;
    this.#deadlineReported = true;
    this.#report({ type: 'deadline', policy, remaining: remaining(plan, now, this.#holds) });
  }

  /** The drain is over, whatever still holds. */
  end(now: number): void {
    this.#holdReports.end(now);
  }

  /**
   * Reports every pod whose latest instant to end has come, once: its owner looks for a name, not for a count.
   * @param before the plan that keeps every hold: it says why each pod is still there
   */
  lastResort(before: Plan, isDue: (pod: Pod) => boolean, endsAt: number, now: number): void {
    const due = before.decisions.filter(({ action, pod }) => action !== 'skip' && isDue(pod));
    const fresh = due.filter(({ pod }) => !this.#atRisk.has(pod.uid));
    if (fresh.length === 0) return;
    if (!this.#lastResortReported) {
      this.#lastResortReported = true;
      this.#report({ type: 'last resort', endsAt, remaining: remaining(before, now, this.#holds) });
    }
    for (const decision of fresh) {
      const { uid } = decision.pod;
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
          const lost = decision.reason === 'keeps returning';
          this.#report({ type: 'pod skipped', pod, reason: reasonText(decision, now), lost });
        }
        break;
      case 'wait': {
        const { kind } = decision.reason;
        if (BRIEF.has(kind) || (kind === 'terminating' && this.#reported.has(uid))) break;
        if (!this.#isNew(uid, whatIsNew(decision.reason))) break;
        this.#report({ type: 'pod waiting', pod, uid, waitReason: kind, reason: reasonText(decision, now) });
        break;
      }
      case 'request':
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
    const message = `pod ${nameOf(pod)}: evicted in spite of ${pod.doNotDisrupt.source}, because its time is over`;
    this.#report({ type: 'warning', message });
  }

  #reportInvalid(pod: Pod): void {
    if (pod.invalidAnnotations.length === 0 || this.#invalid.has(pod.uid)) return;
    this.#invalid.add(pod.uid);
    const message = `pod ${nameOf(pod)}: ignoring ${pod.invalidAnnotations.join(', ')}: neither true nor a duration such as 30m`;
    this.#report({ type: 'warning', message });
  }

  #isNew(uid: string, what: string): boolean {
    const isNew = this.#reported.get(uid) !== what;
    this.#reported.set(uid, what);
    return isNew;
  }
}

/** What of the reason is reported again when it changes. */
function whatIsNew(reason: WaitReason): string {
  if (reason.kind === 'refused') return `refused: ${reason.message}`;
  return reason.kind === 'responder' ? `responder ${reason.name} ${reason.hasActed}` : reason.kind;
}

/** Every pod that the drain is not finished with, and why. */
export function remaining({ decisions }: Plan, now: number, { groups, gripOf }: Holds): RemainingPod[] {
  const described = new Map<string, Hold>();
  for (const [key, group] of groups) described.set(key, describe(group, now));
  const holdOf = ({ uid }: Pod) => {
    const hold = described.get(gripOf.get(uid)?.key ?? '');
    return hold && { hold };
  };
  return decisions
    .filter(({ action }) => action !== 'skip')
    .map((decision) => ({
      pod: nameOf(decision.pod),
      uid: decision.pod.uid,
      reason: reasonText(decision, now),
      ending: waitsFor(decision, ENDING),
      blocked: waitsFor(decision, BLOCKED),
      ...blockersOf(decision),
      ...holdOf(decision.pod),
    }));
}

/** Whom to talk to about a pod that a budget keeps. */
function blockersOf(decision: Decision): Pick<RemainingPod, 'budgets' | 'owner'> {
  if (!waitsFor(decision, BLOCKED)) return {};
  const { controller, namespace } = decision.pod;
  const owner = controller && { owner: `${controller.kind} ${namespace}/${controller.name}` };
  if (decision.action !== 'wait' || decision.reason.kind !== 'budget') return { ...owner };
  const { budgets, named } = decision.reason;
  const names = budgets.length > 0 ? budgets.map(({ name }) => name) : [named].filter((name) => name !== undefined);
  return { ...owner, budgets: names.map((name) => `${namespace}/${name}`) };
}

const ENDING: ReadonlySet<WaitReason['kind']> = new Set(['terminating', 'accepted', 'requested', 'responder']);
const BLOCKED: ReadonlySet<WaitReason['kind']> = new Set(['budget', 'refused']);

function waitsFor(decision: Decision, kinds: ReadonlySet<WaitReason['kind']>): boolean {
  return decision.action === 'wait' && kinds.has(decision.reason.kind);
}
