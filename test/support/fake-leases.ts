import type { Sink } from '../../app/drain/cluster.ts';
import { Failure } from '../../app/lib/errors.ts';
import type { Lease, LeaseDirectory } from '../../app/run/slots.ts';
import type { ManualClock } from './clock.ts';
import { untilAborted } from './until-aborted.ts';

const never = new AbortController().signal;

/** How one client sees the leases: how long its calls and its watch take, and whether they fail. */
export type LeaseConnection = {
  /** Of a call: before the server gets it, and before its answer arrives. */
  latencyMs: () => number;
  /** Until the server has told of a change. */
  watchMs: () => number;
  /** `lost`: the server never gets the call; `unanswered`: it does, and its answer is lost. */
  fault: () => 'lost' | 'unanswered' | undefined;
};

const GOOD: LeaseConnection = { latencyMs: () => 0, watchMs: () => 0, fault: () => undefined };

/** The leases of one queue in memory, with resource versions: of several writes over one version, the first wins. */
export class FakeLeases {
  readonly leases = new Map<string, Lease>();
  /** Every write, in order: `create`, `update` or `remove`, and of what. */
  readonly writes: { readonly at: number; readonly how: 'create' | 'update' | 'remove'; readonly lease: Lease }[] = [];
  /** With what every call is refused. */
  refusal: Failure | undefined;
  readonly #clock: ManualClock;
  readonly #sinks = new Map<Sink<Lease>, LeaseConnection & { toldAt: number }>();
  #version = 0;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  /** The names of the slots, with their holders. */
  get slots(): Record<string, string> {
    const slots = [...this.leases.values()].filter(({ kind }) => kind === 'slot');
    return Object.fromEntries(slots.map(({ name, holder }) => [name, holder]).sort());
  }

  get waiting(): string[] {
    return [...this.leases.values()].filter(({ kind }) => kind === 'waiting').map(({ holder }) => holder);
  }

  /** A client of its own. */
  directory(connection: LeaseConnection = GOOD): LeaseDirectory {
    return {
      observe: async (sink, signal) => {
        await this.#clock.sleep(connection.latencyMs(), signal);
        if (this.refusal !== undefined) throw this.refusal;
        this.#sinks.set(sink, { ...connection, toldAt: 0 });
        sink.replace([...this.leases.values()]);
        return untilAborted(signal, () => this.#sinks.delete(sink));
      },
      read: (name, signal) => this.#call(connection, signal, () => this.leases.get(name)),
      create: (lease, signal) =>
        this.#call(connection, signal, () => {
          if (this.leases.has(lease.name)) return 'conflict';
          return this.#write('create', { ...lease, resourceVersion: '' });
        }),
      update: (lease, signal) =>
        this.#call(connection, signal, () => {
          if (this.leases.get(lease.name)?.resourceVersion !== lease.resourceVersion) return 'conflict';
          return this.#write('update', lease);
        }),
      remove: (lease, signal) =>
        this.#call(connection, signal, () => {
          const current = this.leases.get(lease.name);
          if (current === undefined) return 'removed';
          if (current.resourceVersion !== lease.resourceVersion) return 'conflict';
          this.leases.delete(lease.name);
          this.writes.push({ at: this.#clock.elapsed, how: 'remove', lease: current });
          this.#tell((sink) => sink.remove(current));
          return 'removed';
        }),
    };
  }

  async #call<T>({ latencyMs, fault }: LeaseConnection, signal: AbortSignal, work: () => T): Promise<T> {
    await this.#wait(latencyMs(), signal);
    const failure = fault();
    const lost = () => new Failure('connection reset', { transient: true });
    if (failure === 'lost') throw lost();
    if (this.refusal !== undefined) throw this.refusal;
    const result = work();
    if (failure === 'unanswered') throw lost();
    await this.#wait(latencyMs(), signal);
    return result;
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (ms > 0) await this.#clock.sleep(ms, signal);
  }

  #write(how: 'create' | 'update', lease: Lease): Lease {
    const written = { ...lease, resourceVersion: String(++this.#version) };
    this.leases.set(lease.name, written);
    this.writes.push({ at: this.#clock.elapsed, how, lease: written });
    this.#tell((sink) => sink.set(written));
    return written;
  }

  #tell(change: (sink: Sink<Lease>) => void): void {
    for (const [sink, watcher] of [...this.#sinks]) {
      // In order: one watch never tells of a change before it has told of those that came before.
      watcher.toldAt = Math.max(watcher.toldAt, this.#clock.now() + watcher.watchMs());
      const ms = watcher.toldAt - this.#clock.now();
      const tell = () => {
        if (this.#sinks.has(sink)) change(sink);
      };
      if (ms === 0) queueMicrotask(tell);
      else void this.#clock.sleep(ms, never).then(tell);
    }
  }
}
