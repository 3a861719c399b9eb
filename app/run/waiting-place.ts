import { type Lease, type LeaseDirectory, type Queue, waitingDurationMs, waitingName } from './slots.ts';

type Call = <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Until a lease that somebody else wrote at the same time has been seen. */
export const CONFLICT_MS = 1_000;

/** The place of a drain among those that wait for a slot of its queue: a lease that it renews for as long as it waits. */
export class WaitingPlace {
  readonly #leases: LeaseDirectory;
  readonly #call: Call;
  readonly #wanted: Omit<Lease, 'resourceVersion' | 'durationMs' | 'acquiredAt'>;
  #lease: Lease | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(
    leases: LeaseDirectory,
    queue: Queue,
    { node, startedAt }: { readonly node: string; readonly startedAt: number },
    call: Call,
  ) {
    this.#leases = leases;
    this.#call = call;
    this.#wanted = { kind: 'waiting', name: waitingName(queue, node), holder: node, startedAt };
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  /**
   * Takes the place, or renews it when it is time.
   * @param ahead how many drains come first
   * @returns when to do so again
   * @throws as the leases
   */
  async keep(ahead: number, now: number): Promise<number> {
    const durationMs = waitingDurationMs(ahead);
    const renewAt = this.#renewedAt + durationMs / 3;
    if (now < renewAt) return renewAt;
    const wanted = { ...this.#wanted, durationMs, acquiredAt: now };
    const place = await this.#call(async (signal) => {
      const known = this.#lease;
      const written =
        known === undefined
          ? await this.#leases.create(wanted, signal)
          : await this.#leases.update({ ...known, durationMs }, signal);
      if (written !== 'conflict') return written;
      // A task that drains this node, too, or its predecessor, has written it; or it was removed.
      const current = await this.#leases.read(wanted.name, signal);
      return current === undefined
        ? this.#leases.create(wanted, signal)
        : this.#leases.update({ ...current, durationMs }, signal);
    });
    if (place === 'conflict') return now + CONFLICT_MS;
    this.#lease = place;
    this.#renewedAt = now;
    return now + durationMs / 3;
  }

  /**
   * Gives the place up.
   * @param seen a place of this drain that is not this task's: its predecessor died while it waited
   * @throws as the leases; others then wait for it until it expires
   */
  async remove(seen?: Lease): Promise<void> {
    const lease = this.#lease ?? seen;
    if (lease === undefined) return;
    this.#lease = undefined;
    await this.#call((signal) => this.#leases.remove(lease, signal));
  }
}
