import type { PodName, RemainingPod, RunEvent, Totals } from '../events.ts';
import { toSeconds } from '../lib/clock.ts';
import { HoldTotals } from './hold-totals.ts';

/** Adds up the events of a run, for the summary and the live view. Times are milliseconds since the epoch. */
export class RunTotals {
  #node: string | undefined;
  #heartbeats = 0;
  #heartbeatsFailed = 0;
  #lastHeartbeatAt: number | undefined;
  #gone = 0;
  #evicted = 0;
  readonly #skipped = new Set<PodName>();
  /** Skipped pods whose containers run until the instance ends. */
  readonly #leftRunning = new Set<string>();
  readonly #requested = new Set<PodName>();
  #remaining: (now: number) => readonly RemainingPod[] = () => [];
  /** Since when a budget has blocked each pod. */
  readonly #blockedSince = new Map<PodName, number>();
  #longestBlocked: { readonly pod: PodName; readonly ms: number } | undefined;
  /** Since when at least one pod has been blocked, and for how long this was so before. */
  #anyBlockedSince: number | undefined;
  #anyBlockedMs = 0;
  readonly #holds = new HoldTotals();
  #actionEndsAt = Number.POSITIVE_INFINITY;

  record(event: RunEvent, now: number): void {
    switch (event.type) {
      case 'node found':
        this.#node = event.node;
        break;
      case 'heartbeat':
        this.#heartbeats++;
        this.#lastHeartbeatAt = now;
        break;
      case 'heartbeat failed':
        this.#heartbeatsFailed++;
        break;
      case 'action ending soon':
        this.#actionEndsAt = event.actionEndsAt;
        break;
      case 'replanned':
        this.#remaining = event.remaining;
        break;
      case 'pod skipped':
        this.#skipped.add(event.pod);
        if (event.lost) this.#leftRunning.add(event.pod);
        break;
      case 'eviction requested':
        // Pods of DaemonSets are skipped until all others have left.
        this.#skipped.delete(event.pod);
        this.#leftRunning.delete(event.pod);
        this.#requested.add(event.pod);
        break;
      case 'pod waiting':
        if (event.waitReason === 'budget') this.#block(event.pod, now);
        else this.#unblock(event.pod, now);
        break;
      case 'hold began':
        this.#holds.began(event, now);
        break;
      case 'hold ended':
        this.#holds.ended(event, now);
        break;
      case 'eviction accepted':
        this.#unblock(event.pod, now);
        break;
      case 'pod gone':
        this.#unblock(event.pod, now);
        this.#leftRunning.delete(event.pod);
        if (this.#skipped.delete(event.pod)) break;
        this.#gone++;
        if (this.#requested.delete(event.pod)) this.#evicted++;
        break;
    }
  }

  get node(): string | undefined {
    return this.#node;
  }

  get lastHeartbeatAt(): number | undefined {
    return this.#lastHeartbeatAt;
  }

  /** How many pods are gone, evicted or not. */
  get gone(): number {
    return this.#gone;
  }

  /** How many pods are skipped, and still on the node. */
  get skipped(): number {
    return this.#skipped.size;
  }

  /** The pods that remain, as of the last plan. */
  remaining(now: number): readonly RemainingPod[] {
    return this.#remaining(now);
  }

  /**
   * The pods that were terminated with their instance.
   * @param hasEnded whether the instance ends now, or has ended: its hook was completed, its action is over, or EC2 ended it
   */
  lost(hasEnded: boolean, now: number): readonly PodName[] {
    const isOver = hasEnded || now >= this.#actionEndsAt;
    if (!isOver) return [];
    return [...new Set([...this.#remaining(now).map(({ pod }) => pod), ...this.#leftRunning])];
  }

  totals(now: number): Totals {
    for (const pod of this.#blockedSince.keys()) this.#updateLongestBlocked(pod, now);
    return {
      node: this.#node,
      pods: { evicted: this.#evicted, skipped: this.#skipped.size, remaining: this.#remaining(now).length },
      longestBlocked: this.#longestBlocked && {
        pod: this.#longestBlocked.pod,
        seconds: toSeconds(this.#longestBlocked.ms),
      },
      blockedSeconds: toSeconds(this.#anyBlockedMs + now - (this.#anyBlockedSince ?? now)),
      heldBy: this.#holds.longest(now),
      heartbeats: this.#heartbeats,
      heartbeatsFailed: this.#heartbeatsFailed,
    };
  }

  #block(pod: PodName, now: number): void {
    if (!this.#blockedSince.has(pod)) this.#blockedSince.set(pod, now);
    this.#anyBlockedSince ??= now;
  }

  #unblock(pod: PodName, now: number): void {
    this.#updateLongestBlocked(pod, now);
    if (!this.#blockedSince.delete(pod) || this.#blockedSince.size > 0) return;
    this.#anyBlockedMs += now - (this.#anyBlockedSince ?? now);
    this.#anyBlockedSince = undefined;
  }

  #updateLongestBlocked(pod: PodName, now: number): void {
    const since = this.#blockedSince.get(pod);
    if (since === undefined || now - since <= (this.#longestBlocked?.ms ?? 0)) return;
    this.#longestBlocked = { pod, ms: now - since };
  }
}
