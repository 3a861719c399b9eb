import type { DrainEvent, Figures } from './event.ts';

export type PodState = 'left' | 'to go' | 'asked' | 'gone';

/** Adds up the events of a run, for the summary and the live view. */
export class Tally {
  #node: string | undefined;
  #planned: number | undefined;
  #beats = 0;
  #lastBeatAt: number | undefined;
  readonly #pods = new Map<string, { state: PodState; why: string; wasAsked: boolean }>();
  /** Since when a budget has held up each pod. */
  readonly #blockedSince = new Map<string, number>();
  #longest: { pod: string; ms: number } | undefined;

  /** @param now milliseconds since the epoch */
  saw(event: DrainEvent, now: number): void {
    switch (event.type) {
      case 'node found':
        this.#node = event.node;
        break;
      case 'planned':
        this.#planned = event.toGo;
        break;
      case 'beat':
        this.#beats++;
        this.#lastBeatAt = now;
        break;
      case 'pod left':
        this.#put(event.pod, 'left', event.why);
        break;
      case 'pod asked':
        this.#put(event.pod, 'asked', event.how === 'evict' ? 'eviction sent' : 'deletion sent');
        break;
      case 'pod waits':
        this.#put(event.pod, 'to go', event.why);
        if (event.because === 'budget' && !this.#blockedSince.has(event.pod)) this.#blockedSince.set(event.pod, now);
        break;
      case 'pod accepted':
        this.#put(event.pod, 'asked', 'terminating');
        this.#unblock(event.pod, now);
        break;
      case 'pod gone':
        this.#put(event.pod, 'gone', event.proof);
        this.#unblock(event.pod, now);
        break;
      case 'waiting':
        for (const { pod, why } of event.remaining) this.#put(pod, this.#pods.get(pod)?.state ?? 'to go', why);
        break;
    }
  }

  get node(): string | undefined {
    return this.#node;
  }

  get lastBeatAt(): number | undefined {
    return this.#lastBeatAt;
  }

  /** How many pods there were to drain at the first look; more may have come since. Undefined before it. */
  get planned(): number | undefined {
    return this.#planned;
  }

  /** How many pods are in this state. */
  count(state: PodState): number {
    return [...this.#pods.values()].filter((pod) => pod.state === state).length;
  }

  /** The pods that have not gone and will not stay, each with the reason told last. */
  remaining(): { pod: string; why: string }[] {
    return [...this.#pods]
      .filter(([, { state }]) => state === 'to go' || state === 'asked')
      .map(([pod, { why }]) => ({ pod, why }));
  }

  figures(now: number): Figures {
    for (const pod of this.#blockedSince.keys()) this.#noteBlocked(pod, now);
    const evicted = [...this.#pods.values()].filter(({ state, wasAsked }) => state === 'gone' && wasAsked).length;
    return {
      node: this.#node,
      pods: { evicted, left: this.count('left'), remaining: this.remaining().length },
      longestBlocked: this.#longest && { pod: this.#longest.pod, seconds: Math.round(this.#longest.ms / 100) / 10 },
      beats: this.#beats,
    };
  }

  #put(pod: string, state: PodState, why: string): void {
    const wasAsked = state === 'asked' || (this.#pods.get(pod)?.wasAsked ?? false);
    this.#pods.set(pod, { state, why, wasAsked });
  }

  #unblock(pod: string, now: number): void {
    this.#noteBlocked(pod, now);
    this.#blockedSince.delete(pod);
  }

  #noteBlocked(pod: string, now: number): void {
    const since = this.#blockedSince.get(pod);
    if (since !== undefined && now - since > (this.#longest?.ms ?? 0)) this.#longest = { pod, ms: now - since };
  }
}
