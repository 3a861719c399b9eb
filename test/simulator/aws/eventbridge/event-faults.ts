import { seeded } from '../../seeded.ts';
import type { AwsTimers } from '../context.ts';
import type { ValueMap } from '../json.ts';

/**
 * What goes wrong between a source and the rules: EventBridge promises at least one delivery, soon and in no order, and
 * Auto Scaling promises its events on a best-effort basis. `n` counts the events since the faults began, from 0.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event.html
 */
export type EventFaults = {
  /** Events that never arrive. */
  readonly lose?: (event: ValueMap, n: number) => boolean;
  /** Events that arrive twice, or as many times more as the number says. */
  readonly duplicate?: (event: ValueMap, n: number) => boolean | number;
  /** How late an event is, in milliseconds; unequal delays reorder. `copy` is 0, and 1 and more for duplicates. */
  readonly delayMs?: (event: ValueMap, n: number, copy: number) => number;
};

/** Hits this share of all events, by a seed and not by chance. */
export function share(probability: number, seed: number): (event: ValueMap, n: number) => boolean {
  return (_, n) => seeded(seed, n) < probability;
}

/** Delays from 0 to this many milliseconds, by a seed and not by chance. */
export function spread(maxMs: number, seed: number): (event: ValueMap, n: number, copy: number) => number {
  return (_, n, copy) => maxMs * seeded(seed + copy, n);
}

/** The way of events to the rules, with its faults. */
export class EventTransport {
  readonly #timers: Pick<AwsTimers, 'after'>;
  #faults: EventFaults = {};
  #n = 0;
  #waiting = 0;

  constructor(timers: Pick<AwsTimers, 'after'>) {
    this.#timers = timers;
  }

  /** How many events are on their way. */
  get waiting(): number {
    return this.#waiting;
  }

  /** These faults from now on, in place of any others. Those that are on their way still arrive. */
  disturb(faults: EventFaults): { end(): void } {
    this.#faults = faults;
    this.#n = 0;
    return {
      end: () => {
        if (this.#faults === faults) this.#faults = {};
      },
    };
  }

  carry(event: ValueMap, arrive: (event: ValueMap) => void): void {
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
