import type { Report, RunEvent } from '../../app/events.ts';

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** Keeps every event that a run reports, with its time. */
export class Recorder {
  readonly recorded: { readonly at: number; readonly event: RunEvent }[] = [];
  readonly #now: () => number;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  readonly report: Report = (event) => {
    this.recorded.push({ at: this.#now(), event });
  };

  /** The events of one type, in order. */
  of<T extends RunEvent['type']>(type: T): EventOf<T>[] {
    return this.recorded.map(({ event }) => event).filter((event): event is EventOf<T> => event.type === type);
  }

  /** The times of the events of one type, in milliseconds after `from`. */
  timesOf(type: RunEvent['type'], from: number): number[] {
    return this.recorded.filter(({ event }) => event.type === type).map(({ at }) => at - from);
  }
}
