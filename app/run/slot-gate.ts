import type { Context } from '../context.ts';
import type { GateReason } from '../drain/decision.ts';
import type { Gate } from '../drain/gate.ts';
import { DrainScope } from '../drain/scope.ts';
import { withTimeout } from '../lib/clock.ts';
import { Failure, isBug, isTransient } from '../lib/errors.ts';
import { Stopped } from '../outcome.ts';
import { abandoned, judge, type Lease, type LeaseDirectory, type Queue, SeenLeases, waitText } from './slots.ts';
import { CONFLICT_MS, WaitingPlace } from './waiting-place.ts';

/** As the kubelets' leases: 40 s, renewed every 10 s. https://kubernetes.io/docs/concepts/architecture/leases/ */
export const SLOT_MS = 40_000;
const RENEW_EVERY_MS = 10_000;
/** A holder stops to count on its slot before others may take it: clocks do not run equally fast. */
export const TRUST_MS = 35_000;
/** A successor task needs about a minute to start. */
export const HANDED_OVER_MS = 180_000;

const CALL_TIMEOUT_MS = 5_000;
const RETRY_MS = 5_000;
const END_TIMEOUT_MS = 2_000;
/** The counts of a long queue change all the time. */
const REPORT_EVERY_MS = 30_000;

/** Without the right to use leases, or without their namespace. */
const UNUSABLE = 'leases cannot be used (apply infra/kubernetes/slots.yaml)';

function rethrowBug(error: unknown): void {
  if (isBug(error)) throw error;
}

export type SlotOptions = {
  readonly queue: Queue;
  readonly node: string;
  /** When the lifecycle action started, or else the drain. */
  readonly startedAt: number;
  /** From then on the drain no longer waits. */
  readonly goesWithoutAt: number;
  /** Does a successor task continue the drain when this one is stopped by SIGTERM? */
  readonly hasSuccessor: boolean;
};

/**
 * Does the work with a gate that is open while the drain holds one of the slots of its queue. The slot is given back when the work
 * is done, kept for a successor task when that goes on, and free after 40 s when the task has died.
 *
 * Without the right to use leases, or without their namespace, the gate opens at once, and a warning says so. While the API server
 * does not answer, nothing can be evicted anyway: the wait goes on.
 * @throws whatever the work rejects with; a bug
 */
export async function withSlot<T, C extends Context>(
  options: SlotOptions,
  leases: LeaseDirectory,
  context: C,
  work: (gate: Gate, context: C) => Promise<T>,
): Promise<T> {
  const scope = new DrainScope(context);
  const slot = new Slot(options, leases, scope);
  scope.spawn(slot.run());
  let how: Ending = 'failed';
  try {
    const result = await work(slot, { ...context, signal: scope.signal });
    how = 'drained';
    return result;
  } catch (error) {
    if (error instanceof Stopped && error.signal === 'SIGTERM' && options.hasSuccessor) how = 'handed over';
    throw error;
  } finally {
    await scope.end();
    await slot.leave(how);
  }
}

/**
 * How the work ended. `drained`: nothing is left to evict; `failed`: another task may still drain the node, so that the slot is left
 * to expire; `handed over`: a successor task goes on with it.
 */
type Ending = 'drained' | 'failed' | 'handed over';

/** A lease of ours, and when its last successful write was sent. */
type Held = { readonly lease: Lease; readonly renewedAt: number };

/** The gate of a drain that has to hold a slot. */
class Slot implements Gate {
  readonly #options: SlotOptions;
  readonly #leases: LeaseDirectory;
  readonly #scope: DrainScope;
  readonly #seen = new SeenLeases();
  readonly #listeners = new Set<() => void>();
  readonly #place: WaitingPlace;
  readonly #over = new AbortController();
  #wanted = false;
  #slot: Held | undefined;
  #without = false;
  #wasOpen = false;
  #text = 'waits for a slot';
  #startedWaitingAt = 0;
  #reported: { readonly text: string; readonly at: number } | undefined;

  constructor(options: SlotOptions, leases: LeaseDirectory, scope: DrainScope) {
    this.#options = options;
    this.#leases = leases;
    this.#scope = scope;
    this.#place = new WaitingPlace(leases, options.queue, options, (work) => this.#call(work));
  }

  get reason(): GateReason | undefined {
    if (this.#without || this.#isTrusted()) return undefined;
    return { kind: 'slot', text: this.#slot === undefined ? this.#text : 'waits until its slot can be renewed' };
  }

  async watch(changed: () => void, { signal }: Context): Promise<void> {
    this.#listeners.add(changed);
    signal.addEventListener('abort', () => this.#listeners.delete(changed), { once: true });
    this.#wanted = true;
    this.#scope.wake();
  }

  /** Gets a slot, and keeps it, until the scope ends. */
  async run(): Promise<void> {
    const { clock, report } = this.#scope;
    while (!this.#wanted) await this.#scope.nextWake(Number.POSITIVE_INFINITY);
    this.#startedWaitingAt = clock.now();
    this.#scope.spawn(this.#observe());
    while (!this.#without) {
      let nextAt: number;
      try {
        nextAt = await this.#step();
      } catch (error) {
        if (this.#scope.signal.aborted || !(error instanceof Failure)) throw error;
        if (!isTransient(error)) return this.#goWithout(UNUSABLE, error);
        nextAt = clock.now() + Math.max(RETRY_MS, error.retryAfterMs ?? 0);
        report({
          type: 'retrying',
          operation: this.#slot ? 'renew the slot' : 'get a slot',
          error,
          retryInMs: RETRY_MS,
        });
      }
      this.#changed();
      if (!this.#without) await this.#scope.nextWake(nextAt);
    }
    // It would hold up those behind it.
    await this.#place.remove().catch(rethrowBug);
  }

  /** Gives the leases back. Best effort: they are free after their duration in any case. */
  async leave(how: Ending): Promise<void> {
    const finish = (lease: Lease, signal: AbortSignal) =>
      how === 'handed over'
        ? this.#leases.update({ ...lease, durationMs: HANDED_OVER_MS }, signal)
        : this.#leases.remove(lease, signal);
    const end = async (lease: Lease, signal: AbortSignal) => {
      if ((await finish(lease, signal)) !== 'conflict') return;
      // A renewal was under way.
      const current = await this.#leases.read(lease.name, signal);
      if (current?.holder === this.#options.node) await finish(current, signal);
    };
    const held = [how === 'failed' ? undefined : this.#slot?.lease, this.#place.lease].filter(
      (one) => one !== undefined,
    );
    await withTimeout(this.#scope.clock, END_TIMEOUT_MS, (signal) =>
      Promise.all(held.map((lease) => end(lease, signal))),
    ).catch(rethrowBug);
  }

  /** Does what is to be done now. @returns when to look again at the latest */
  async #step(): Promise<number> {
    const { clock } = this.#scope;
    const { queue, node, startedAt, goesWithoutAt } = this.#options;
    const now = clock.now();
    if (this.#slot !== undefined) return this.#keepSlot(this.#slot, now);
    if (now >= goesWithoutAt) {
      this.#goWithout('it needs the time that is left');
      return Number.POSITIVE_INFINITY;
    }
    if (!this.#seen.isListed) return goesWithoutAt;
    const judgement = judge(this.#seen.all, { holder: node, startedAt }, queue, now);
    if (judgement.kind === 'take') return this.#take(judgement.name, judgement.over, now);
    const { running, ahead, changesAt } = judgement;
    this.#reportWait(waitText(queue, running, ahead), running.length, ahead, now);
    const renewAt = await this.#place.keep(ahead, now);
    if (ahead === 0) await this.#cleanUp(now);
    return Math.min(changesAt, renewAt, goesWithoutAt);
  }

  async #take(name: string, over: Lease | undefined, now: number): Promise<number> {
    const { node: holder, startedAt } = this.#options;
    const acquiredAt = over?.holder === holder ? over.acquiredAt : now;
    const wanted = { kind: 'slot', name, holder, durationMs: SLOT_MS, startedAt, acquiredAt } as const;
    const taken = await this.#call((signal) =>
      over === undefined
        ? this.#leases.create(wanted, signal)
        : this.#leases.update({ ...wanted, resourceVersion: over.resourceVersion }, signal),
    );
    if (taken === 'conflict') return now + CONFLICT_MS;
    this.#slot = { lease: taken, renewedAt: now };
    this.#scope.report({ type: 'slot taken', slot: name, waitedMs: now - this.#startedWaitingAt });
    this.#changed();
    const seen = this.#seen.all.find(({ lease }) => lease.kind === 'waiting' && lease.holder === holder);
    await this.#place.remove(seen?.lease);
    return now + RENEW_EVERY_MS;
  }

  async #keepSlot(held: Held, now: number): Promise<number> {
    if (now < held.renewedAt + RENEW_EVERY_MS) return held.renewedAt + RENEW_EVERY_MS;
    const renewed = await this.#call((signal) => this.#leases.update({ ...held.lease, durationMs: SLOT_MS }, signal));
    if (renewed !== 'conflict') {
      this.#slot = { lease: renewed, renewedAt: now };
      return now + RENEW_EVERY_MS;
    }
    const current = await this.#call((signal) => this.#leases.read(held.lease.name, signal));
    if (current?.holder === this.#options.node) {
      // Another task drains this node, too.
      this.#slot = { lease: current, renewedAt: held.renewedAt };
      return now;
    }
    this.#slot = undefined;
    const lost = current === undefined ? 'lost' : `lost to the drain of ${current.holder}`;
    this.#text = `waits for another slot: its own was ${lost}`;
    const message = `slot ${held.lease.name}: ${lost}; evictions under way go on, and the next ones wait for another slot`;
    this.#scope.report({ type: 'warning', message });
    return now;
  }

  /** Whoever is first removes the places of drains that have died. */
  async #cleanUp(now: number): Promise<void> {
    const [lease] = abandoned(this.#seen.all, now).filter(({ holder }) => holder !== this.#options.node);
    if (lease === undefined) return;
    await this.#call((signal) => this.#leases.remove(lease, signal));
  }

  async #observe(): Promise<void> {
    const { clock, wake } = this.#scope;
    const signal = AbortSignal.any([this.#scope.signal, this.#over.signal]);
    try {
      await this.#leases.observe(this.#seen.sink(clock.now, wake), signal);
    } catch (error) {
      if (this.#without) return;
      if (signal.aborted || !(error instanceof Failure)) throw error;
      this.#goWithout(UNUSABLE, error);
      wake();
    }
  }

  #goWithout(why: string, error?: Failure): void {
    if (this.#without) return;
    this.#without = true;
    this.#over.abort(new Error('the drain goes without a slot'));
    const message = `the drain of ${this.#options.node} goes on without a slot: ${why}`;
    this.#scope.report({ type: 'warning', message, ...(error !== undefined && { error }) });
    this.#changed();
  }

  #reportWait(text: string, running: number, ahead: number, now: number): void {
    this.#text = text;
    if (this.#reported !== undefined && (this.#reported.text === text || now < this.#reported.at + REPORT_EVERY_MS)) {
      return;
    }
    this.#reported = { text, at: now };
    const { limit } = this.#options.queue;
    this.#scope.report({ type: 'waiting for slot', running, limit, ahead, reason: text });
  }

  /** Can nobody else have the slot yet? */
  #isTrusted(): boolean {
    return this.#slot !== undefined && this.#scope.clock.now() < this.#slot.renewedAt + TRUST_MS;
  }

  /** Each change of a queue of hundreds reaches this drain: only those that open or close its gate matter to it. */
  #changed(): void {
    const isOpen = this.reason === undefined;
    if (isOpen === this.#wasOpen) return;
    this.#wasOpen = isOpen;
    for (const listener of this.#listeners) listener();
  }

  #call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withTimeout(this.#scope.clock, CALL_TIMEOUT_MS, work, this.#scope.signal);
  }
}
