import * as v from 'valibot';
import type { KubernetesSimulator, ObservedChange } from '../simulator/kubernetes/simulator.ts';

const Pod = v.object({
  metadata: v.object({ uid: v.string(), deletionTimestamp: v.optional(v.string()) }),
  spec: v.object({ nodeName: v.optional(v.string(), '') }),
});
const Lease = v.object({
  metadata: v.object({
    name: v.string(),
    annotations: v.optional(v.record(v.string(), v.string()), {}),
  }),
  spec: v.object({ holderIdentity: v.optional(v.string(), '') }),
});

/** A drain that has been seen to wait for this long is not passed by one that started later. */
const SEEN_MS = 1_000;

/** What the drains of a cluster do together, as its objects show it: no line of the drainer's log is read. */
export class DrainRecord {
  /** Nodes that lost pods at the same moment, at most. */
  most = 0;
  mostSlots = 0;
  /** Drains that waited, and got their slot while none that started earlier waited. */
  inOrder = 0;
  /** Those that did not. */
  readonly overtaken: string[] = [];
  readonly #terminating = new Map<string, string>();
  /** By the name of the lease. */
  readonly #slots = new Map<string, string>();
  /** By the node: since when it waits, and when its action started. */
  readonly #waiting = new Map<string, { readonly since: number; readonly startedAt: number }>();
  readonly #queued = new Set<string>();
  readonly #forgotten = new Set<string>();
  readonly #stop: () => void;
  readonly #limit: number;

  constructor(kubernetes: KubernetesSimulator, limit: number) {
    this.#limit = limit;
    this.#stop = kubernetes.observe((change) => this.#see(change));
  }

  /** Does the drain of this node hold a slot now? */
  holds(node: string): boolean {
    return [...this.#slots.values()].includes(node);
  }

  /** Has the drain of this node got a slot, or a place among those that wait? */
  isQueued(node: string): boolean {
    return this.#queued.has(node);
  }

  /** Its worker dies: its place in the queue is that of its next task. */
  forget(node: string): void {
    this.#forgotten.add(node);
  }

  /** The leases that are there. */
  get left(): string[] {
    return [...this.#slots.keys(), ...this.#waiting.keys()];
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #see({ resource, object, gone }: ObservedChange): void {
    if (resource === 'pods') this.#seePod(v.parse(Pod, object), gone);
    if (resource === 'leases') this.#seeLease(v.parse(Lease, object), gone);
  }

  #seePod({ metadata, spec }: v.InferOutput<typeof Pod>, gone: boolean): void {
    if (gone) this.#terminating.delete(metadata.uid);
    else if (metadata.deletionTimestamp !== undefined) this.#terminating.set(metadata.uid, spec.nodeName);
    this.most = Math.max(this.most, new Set(this.#terminating.values()).size);
  }

  #seeLease({ metadata, spec }: v.InferOutput<typeof Lease>, gone: boolean): void {
    const node = spec.holderIdentity;
    this.#queued.add(node);
    if (metadata.name.startsWith('slot-')) {
      const isNew = !gone && this.#slots.get(metadata.name) !== node;
      if (gone) this.#slots.delete(metadata.name);
      else this.#slots.set(metadata.name, node);
      this.mostSlots = Math.max(this.mostSlots, this.#slots.size);
      if (isNew) this.#judgeOrder(node);
    } else if (gone) {
      this.#waiting.delete(node);
    } else {
      const startedAt = Date.parse(metadata.annotations['node-drainer/action-started-at'] ?? '');
      const since = this.#waiting.get(node)?.since ?? Date.now();
      this.#waiting.set(node, { since, startedAt });
    }
  }

  #judgeOrder(node: string): void {
    const own = this.#waiting.get(node);
    // Whoever finds a free slot does not wait.
    if (own === undefined || this.#forgotten.has(node)) return;
    const before = [...this.#waiting].filter(
      ([other, { since, startedAt }]) =>
        startedAt < own.startedAt && Date.now() - since > SEEN_MS && !this.#forgotten.has(other) && !this.holds(other),
    );
    // Of several free slots, each of the first ones takes its own.
    const free = this.#limit - [...this.#slots.values()].filter((holder) => !this.#forgotten.has(holder)).length;
    if (before.length <= Math.max(0, free)) this.inOrder++;
    else this.overtaken.push(`${node} before ${before.map(([other]) => other).join(', ')}`);
  }
}
