import type { Clock } from './clock.ts';

/** How long each phase of a run took. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #phases: Record<string, number> = {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  async time<T>(phase: string, work: () => Promise<T>): Promise<T> {
    const from = this.#clock.now();
    try {
      return await work();
    } finally {
      this.#phases[phase] = (this.#phases[phase] ?? 0) + this.#clock.now() - from;
    }
  }

  /** Seconds by phase, and in total. */
  seconds(): Record<string, number> {
    const all = { ...this.#phases, total: this.#clock.now() - this.#startedAt };
    return Object.fromEntries(Object.entries(all).map(([phase, ms]) => [phase, Math.round(ms) / 1000]));
  }
}
