import type { PodName, RemainingPod, RunEvent, Totals } from '../events.ts';
import { toSeconds } from '../lib/clock.ts';
import type { Outcome } from '../outcome.ts';

/** Adds up the events of a run, for the summary and the live view. */
export class RunTotals {
  #node: string | undefined;
  #beats = 0;
  #heartbeatsFailed = 0;
  #lastBeatAt: number | undefined;
  #gone = 0;
  #evicted = 0;
  readonly #left = new Set<string>();
  readonly #asked = new Set<string>();
  #remaining: (now: number) => readonly RemainingPod[] = () => [];
  /** Since when a budget has held up each pod. */
  readonly #blockedSince = new Map<string, number>();
  #longest: { pod: string; ms: number } | undefined;
  /** Since when there has been a blocked pod, and for how long there was one before. */
  #anyBlockedSince: number | undefined;
  #anyBlockedMs = 0;
  #actionEndsAt = Number.POSITIVE_INFINITY;

  /** @param now milliseconds since the epoch */
  record(event: RunEvent, now: number): void {
    switch (event.type) {
      case 'node found':
        this.#node = event.node;
        break;
      case 'heartbeat':
        this.#beats++;
        this.#lastBeatAt = now;
        break;
      case 'heartbeat failed':
        this.#heartbeatsFailed++;
        break;
      case 'last resort':
        this.#actionEndsAt = event.endsAt;
        break;
      case 'replanned':
        this.#remaining = event.remaining;
        break;
      case 'pod skipped':
        this.#left.add(event.pod);
        break;
      case 'eviction requested':
        this.#asked.add(event.pod);
        break;
      case 'pod waiting':
        if (event.waitReason === 'budget') this.#block(event.pod, now);
        else this.#unblock(event.pod, now);
        break;
      case 'eviction accepted':
        this.#unblock(event.pod, now);
        break;
      case 'pod gone':
        this.#unblock(event.pod, now);
        if (this.#left.delete(event.pod)) break;
        this.#gone++;
        if (this.#asked.delete(event.pod)) this.#evicted++;
        break;
    }
  }

  get node(): string | undefined {
    return this.#node;
  }

  get lastHeartbeatAt(): number | undefined {
    return this.#lastBeatAt;
  }

  /** How many pods have gone. */
  get gone(): number {
    return this.#gone;
  }

  /** How many pods stay on the node. */
  get skipped(): number {
    return this.#left.size;
  }

  /** The pods that the drain is not done with, as of its latest look, each with its reason. */
  remaining(now: number): readonly RemainingPod[] {
    return this.#remaining(now);
  }

  /**
   * The pods that went with their instance: what remains when the action was completed, or has ended by itself.
   * @param completed whether the hook was told that the instance may go
   */
  lost({ completed, outcome }: { completed: boolean; outcome: Outcome['kind'] }, now: number): readonly PodName[] {
    const isOver = completed || outcome === 'action ended' || now >= this.#actionEndsAt;
    return isOver ? this.#remaining(now).map(({ pod }) => pod) : [];
  }

  totals(now: number): Totals {
    for (const pod of this.#blockedSince.keys()) this.#noteBlocked(pod, now);
    return {
      node: this.#node,
      pods: { evicted: this.#evicted, skipped: this.#left.size, remaining: this.#remaining(now).length },
      longestBlocked: this.#longest && { pod: this.#longest.pod, seconds: toSeconds(this.#longest.ms) },
      blockedSeconds: toSeconds(this.#anyBlockedMs + now - (this.#anyBlockedSince ?? now)),
      heartbeats: this.#beats,
      heartbeatsFailed: this.#heartbeatsFailed,
    };
  }

  #block(pod: string, now: number): void {
    if (!this.#blockedSince.has(pod)) this.#blockedSince.set(pod, now);
    this.#anyBlockedSince ??= now;
  }

  #unblock(pod: string, now: number): void {
    this.#noteBlocked(pod, now);
    if (!this.#blockedSince.delete(pod) || this.#blockedSince.size > 0) return;
    this.#anyBlockedMs += now - (this.#anyBlockedSince ?? now);
    this.#anyBlockedSince = undefined;
  }

  #noteBlocked(pod: string, now: number): void {
    const since = this.#blockedSince.get(pod);
    if (since !== undefined && now - since > (this.#longest?.ms ?? 0)) this.#longest = { pod, ms: now - since };
  }
}
