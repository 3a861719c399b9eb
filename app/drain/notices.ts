import type { Remaining, Report } from '../report/event.ts';
import type { Plan, Verdict, WaitReason } from './plan.ts';
import { nameOf, type Pod } from './pod.ts';
import { why } from './why.ts';

/** How often a drain that waits says what it waits for. */
const WAITING_EVERY_MS = 30_000;

/** Milliseconds since the epoch. */
export type ActionEnd = { readonly at: number; readonly warnAt: number; readonly lastResortAt: number };

/** What a drain says of its plan: each pod's verdict when it is new, and from time to time all that is left. */
export class Notices {
  readonly #report: Report;
  readonly #actionEnd: ActionEnd | undefined;
  readonly #told = new Map<string, string>();
  readonly #asked = new Set<string>();
  #waitingAt: number;
  #warned = false;
  #planned = false;
  /** The pods that were said to be at risk; absent before the last resort. */
  #atRisk: Set<string> | undefined;

  constructor(report: Report, startedAt: number, actionEnd: ActionEnd | undefined) {
    this.#report = report;
    this.#actionEnd = actionEnd;
    this.#waitingAt = startedAt + WAITING_EVERY_MS;
  }

  /** When there will be something to say even if nothing happens. */
  get nextAt(): number {
    if (this.#actionEnd === undefined || this.#warned) return this.#waitingAt;
    return Math.min(this.#waitingAt, this.#actionEnd.warnAt);
  }

  /** @param listed whether the plan rests on a list of the pods, or on nothing yet */
  tell(plan: Plan, listed: boolean, now: number): void {
    if (listed && !this.#planned) {
      this.#planned = true;
      const toGo = plan.verdicts.filter(({ act }) => act !== 'leave').length;
      this.#report({ type: 'planned', toGo, toStay: plan.verdicts.length - toGo });
    }
    for (const verdict of plan.verdicts) this.#tellOf(verdict, now);
    this.#tellOfRisks(plan, now);
    this.#report({ type: 'looked', remaining: (at) => remaining(plan, at) });
    if (now >= this.#waitingAt) {
      this.#waitingAt = now + WAITING_EVERY_MS;
      this.#report({ type: 'waiting', remaining: remaining(plan, now) });
    }
    if (this.#actionEnd !== undefined && !this.#warned && now >= this.#actionEnd.warnAt) {
      this.#warned = true;
      this.#report({ type: 'action near its end', endsAt: this.#actionEnd.at, remaining: remaining(plan, now) });
    }
  }

  /**
   * The last resort begins. From here on every pod that is still there is told of by itself, once: its owner looks for its
   * name, not for a count.
   * @param plan the last one of those that kept an order: it says why each pod is still there
   */
  beginLastResort(plan: Plan, endsAt: number, now: number): void {
    this.#report({ type: 'last resort', endsAt, remaining: remaining(plan, now) });
    this.#atRisk = new Set();
    this.#tellOfRisks(plan, now);
  }

  #tellOfRisks(plan: Plan, now: number): void {
    if (this.#atRisk === undefined) return;
    for (const verdict of plan.verdicts) {
      const { uid } = verdict.pod;
      if (verdict.act === 'leave' || this.#atRisk.has(uid)) continue;
      this.#atRisk.add(uid);
      this.#report({ type: 'pod at risk', pod: nameOf(verdict.pod), uid, why: why(verdict, now) });
    }
  }

  #tellOf(verdict: Verdict, now: number): void {
    const { uid } = verdict.pod;
    const pod = nameOf(verdict.pod);
    switch (verdict.act) {
      case 'leave':
        if (this.#isNews(uid, verdict.why)) this.#report({ type: 'pod left', pod, why: why(verdict, now) });
        break;
      case 'wait': {
        const { kind } = verdict.why;
        // Sending and accepting are told as they happen, and what they lead to is no news.
        if (kind === 'asking' || kind === 'accepted' || (kind === 'terminating' && this.#told.has(uid))) break;
        const news = kind === 'refused' ? `refused: ${verdict.why.message}` : kind;
        if (this.#isNews(uid, news))
          this.#report({ type: 'pod waits', pod, uid, because: kind, why: why(verdict, now) });
        break;
      }
      case 'evict':
      case 'delete':
        // What it is asked for again is no news, and neither is being refused again.
        if (!this.#asked.has(uid)) this.#tellOfDisruption(verdict.pod);
        this.#asked.add(uid);
        if (!this.#told.has(uid)) this.#told.set(uid, verdict.act);
    }
  }

  #tellOfDisruption(pod: Pod): void {
    if (pod.asksForTime === undefined) return;
    const message = `${nameOf(pod)} asks by ${pod.asksForTime} not to be disrupted, and is evicted: its time is over`;
    this.#report({ type: 'warning', message });
  }

  #isNews(uid: string, news: string): boolean {
    const isNews = this.#told.get(uid) !== news;
    this.#told.set(uid, news);
    return isNews;
  }
}

/** Every pod that the drain is not done with, and why. */
export function remaining({ verdicts }: Plan, now: number): Remaining[] {
  return verdicts
    .filter(({ act }) => act !== 'leave')
    .map((verdict) => ({
      pod: nameOf(verdict.pod),
      uid: verdict.pod.uid,
      why: why(verdict, now),
      ending: isOneOf(verdict, ENDING),
      blocked: isOneOf(verdict, BLOCKED),
    }));
}

const ENDING: ReadonlySet<WaitReason['kind']> = new Set(['terminating', 'accepted', 'asking']);
const BLOCKED: ReadonlySet<WaitReason['kind']> = new Set(['budget', 'refused']);

function isOneOf(verdict: Verdict, kinds: ReadonlySet<WaitReason['kind']>): boolean {
  return verdict.act === 'wait' && kinds.has(verdict.why.kind);
}
