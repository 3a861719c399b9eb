import { seeded } from '../../seeded.ts';
import type { AwsTimers } from '../context.ts';
import type { ValueMap } from '../json.ts';

/**
 * Faults between an event source and the rules. EventBridge delivers at least once and in no order; Auto Scaling emits
 * its events on a best-effort basis. `n` is the number of the event since the faults began, from 0.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event.html
 */
export type EventFaults = {
  /** Events that never arrive. */
  readonly lose?: (event: ValueMap, n: number) => boolean;
  /** Events that arrive twice. A number is the count of additional deliveries. */
  readonly duplicate?: (event: ValueMap, n: number) => boolean | number;
  /** The delay of an event in milliseconds; different delays reorder events. `copy` is 0 for the original. */
  readonly delayMs?: (event: ValueMap, n: number, copy: number) => number;
};

/** Selects this share of all events, reproducibly by a seed. */
export function share(probability: number, seed: number): (event: ValueMap, n: number) => boolean {
  return (_, n) => seeded(seed, n) < probability;
}

/** Delays from 0 to this many milliseconds, reproducibly by a seed. */
export function spread(maxMs: number, seed: number): (event: ValueMap, n: number, copy: number) => number {
  return (_, n, copy) => maxMs * seeded(seed + copy, n);
}

/** Carries events to the rules, with faults. */
export class EventTransport {
  readonly #timers: Pick<AwsTimers, 'after'>;
  #faults: EventFaults = {};
  #n = 0;
  #waiting = 0;

  constructor(timers: Pick<AwsTimers, 'after'>) {
    this.#timers = timers;
  }

  /** The number of delayed events. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Replaces the current faults. Events that are already delayed still arrive. */
  inject(faults: EventFaults): { end(): void } {
    this.#faults = faults;
    this.#n = 0;
    return {
      end: () => {
        if (this.#faults === faults) this.#faults = {};
      },
    };
  }

  deliver(event: ValueMap, arrive: (event: ValueMap) => void): void {
    const { lose, duplicate, delayMs } = this.#faults;
    const n = this.#n;
    this.#n += 1;
    if (lose?.(event, n) === true) return;
    const copies = 1 + Number(duplicate?.(event, n) ?? 0);
    for (let copy = 0; copy < copies; copy += 1) {
      const ms = delayMs?.(event, n, copy) ?? 0;
      if (ms <= 0) {
        arrive(event);
        continue;
      }
      this.#waiting += 1;
      this.#timers.after(ms, () => {
        this.#waiting -= 1;
        arrive(event);
      });
    }
  }
}
