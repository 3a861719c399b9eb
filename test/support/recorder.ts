import type { DrainEvent, Report } from '../../app/report/event.ts';

type Of<T extends DrainEvent['type']> = Extract<DrainEvent, { type: T }>;

/** Keeps everything that a run tells, with the time at which it was told. */
export class Recorder {
  readonly told: { readonly at: number; readonly event: DrainEvent }[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  readonly report: Report = (event) => {
    this.told.push({ at: this.#now(), event });
  };

  /** The events of one type, in order. */
  of<T extends DrainEvent['type']>(type: T): Of<T>[] {
    return this.told.map(({ event }) => event).filter((event): event is Of<T> => event.type === type);
  }

  /** When events of this type were told, in milliseconds after `from`. */
  timesOf(type: DrainEvent['type'], from: number): number[] {
    return this.told.filter(({ event }) => event.type === type).map(({ at }) => at - from);
  }
}
