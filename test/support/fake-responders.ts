import type { ResponderApi, RespondersEviction, Sink, Snapshot } from '../../app/drain/cluster.ts';
import type { Pod } from '../../app/drain/pod.ts';
import type { ManualClock } from './clock.ts';
import { untilAborted } from './until-aborted.ts';

const never = new AbortController().signal;

/** What the responders of a pod do, one after the other. Milliseconds from when it is their turn. */
export type Responding = {
  readonly name: string;
  /** Reports a first time. */
  readonly reportsAfterMs?: number;
  readonly endsPodAfterMs?: number;
  /** Hands over to the next one. */
  readonly completesAfterMs?: number;
};

/** The control plane of KEP-4563 in memory: one responder after the other gets its turn, and then nobody is left. */
export class FakeResponders implements ResponderApi {
  isServed = true;
  /** Returns the error with which a call fails; undefined lets it succeed. */
  fault: (call: 'read' | 'request' | 'withdraw') => Error | undefined = () => undefined;
  /** By the name of the pod; absent: nobody is active. */
  readonly byPod = new Map<string, readonly Responding[]>();
  readonly calls: { readonly call: string; readonly at: number }[] = [];
  readonly #clock: ManualClock;
  readonly #endPod: (uid: string) => void;
  readonly #evictions = new Map<string, RespondersEviction>();
  readonly #sinks = new Set<Sink<RespondersEviction>>();
  #created = 0;

  constructor(clock: ManualClock, endPod: (uid: string) => void) {
    this.#clock = clock;
    this.#endPod = endPod;
  }

  get observers(): number {
    return this.#sinks.size;
  }

  async read(): Promise<Snapshot<RespondersEviction> | undefined> {
    this.#call('read', 'read');
    return this.isServed ? { items: [...this.#evictions.values()], resourceVersion: '1' } : undefined;
  }

  observe(_: unknown, sink: Sink<RespondersEviction>, signal: AbortSignal): Promise<never> {
    this.#sinks.add(sink);
    return untilAborted(signal, () => this.#sinks.delete(sink));
  }

  async request({ name, uid }: Pod): Promise<void> {
    this.#call('request', `request ${name}`);
    const responders = this.byPod.get(name);
    if (responders === undefined) return;
    this.#turn(`eviction-${++this.#created}`, uid, responders);
  }

  async withdraw({ name, uid }: Pod): Promise<void> {
    this.#call('withdraw', `withdraw ${name}`);
    for (const { uid: eviction, podUid } of this.#evictions.values()) {
      if (podUid === uid) this.show({ uid: eviction, podUid, isOver: true });
    }
  }

  /** Shows this state of an eviction. */
  show(eviction: RespondersEviction): void {
    this.#evictions.set(eviction.uid, eviction);
    for (const sink of this.#sinks) sink.set(eviction);
  }

  #turn(uid: string, podUid: string, [current, ...others]: readonly Responding[]): void {
    if (current === undefined) {
      this.show({ uid, podUid, isOver: true });
      return;
    }
    const { name, reportsAfterMs, endsPodAfterMs, completesAfterMs } = current;
    this.show({ uid, podUid, active: { name }, isOver: false });
    this.#after(uid, reportsAfterMs, () =>
      this.show({ uid, podUid, active: { name, heartbeat: 'now' }, isOver: false }),
    );
    this.#after(uid, endsPodAfterMs, () => this.#endPod(podUid));
    this.#after(uid, completesAfterMs, () => this.#turn(uid, podUid, others));
  }

  /** Unless the eviction is over by then. */
  #after(uid: string, ms: number | undefined, then: () => void): void {
    if (ms === undefined) return;
    this.#clock.sleep(ms, never).then(() => {
      if (this.#evictions.get(uid)?.isOver === false) then();
    });
  }

  #call(kind: Parameters<FakeResponders['fault']>[0], call: string): void {
    this.calls.push({ call, at: this.#clock.elapsed });
    const fault = this.fault(kind);
    if (fault !== undefined) throw fault;
  }
}
