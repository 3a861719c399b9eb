import type { Report, RunEvent } from '../../app/events.ts';

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** Keeps everything that a run tells, with the time at which it was told. */
export class Recorder {
  readonly told: { readonly at: number; readonly event: RunEvent }[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  readonly report: Report = (event) => {
    this.told.push({ at: this.#now(), event });
  };

  /** The events of one type, in order. */
  of<T extends RunEvent['type']>(type: T): Of<T>[] {
    return this.told.map(({ event }) => event).filter((event): event is Of<T> => event.type === type);
  }

  /** When events of this type were told, in milliseconds after `from`. */
  timesOf(type: RunEvent['type'], from: number): number[] {
    return this.told.filter(({ event }) => event.type === type).map(({ at }) => at - from);
  }
}
