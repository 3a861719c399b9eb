import { createHash } from 'node:crypto';
import type { Sink } from '../drain/cluster.ts';
import type { Timeline } from '../timeline.ts';

/** A Lease of the namespace `node-drainer`: a slot that a drain holds, or the place of a drain that waits for one. */
export type Lease = {
  readonly kind: 'slot' | 'waiting';
  readonly name: string;
  readonly resourceVersion: string;
  /** The name of the node that is drained. All tasks of one drain share its leases: a successor goes on with them. */
  readonly holder: string;
  /** A lease that does not change for this long belongs to nobody any more. */
  readonly durationMs: number;
  /** When the lifecycle action started, by the clock of AWS: who started first goes first. */
  readonly startedAt: number;
  /** When the holder got it, by the holder's clock: for people. */
  readonly acquiredAt: number;
};

/** The leases of one queue. Every method rejects with Denied, ApiError or ApiUnreachable. */
export type LeaseDirectory = {
  /** Rejects only when aborted, or when the API refuses for good. */
  observe(sink: Sink<Lease>, signal: AbortSignal): Promise<never>;
  read(name: string, signal: AbortSignal): Promise<Lease | undefined>;
  /** @returns `conflict`: there is one of this name */
  create(lease: Omit<Lease, 'resourceVersion'>, signal: AbortSignal): Promise<Lease | 'conflict'>;
  /** Renews the lease, or changes it. @returns `conflict`: it is not as it was read any more */
  update(lease: Lease, signal: AbortSignal): Promise<Lease | 'conflict'>;
  /** @returns `conflict`: it is not as it was read any more */
  remove(lease: Lease, signal: AbortSignal): Promise<'removed' | 'conflict'>;
};

/** The drains that share their slots. */
export type Queue = {
  /** A DNS label of up to 58 characters. */
  readonly name: string;
  /** For people: `zone eu-west-1a`. */
  readonly of: string;
  /** How many of them may evict at the same time. */
  readonly limit: number;
};

/**
 * The queue of a drain. A node without the label of its zone, and a drain by name, whose group is unknown, wait with the others of
 * the cluster of which the same is true.
 */
export function queueOf(
  key: 'cluster' | 'group' | 'zone',
  limit: number,
  zone: string | undefined,
  group: string | undefined,
): Queue {
  const value = { cluster: undefined, group, zone }[key];
  if (value === undefined) return { name: 'cluster', of: 'the cluster', limit };
  return { name: `${key}-${labelOf(value)}`, of: `${key} ${value}`, limit };
}

const MAX_PLAIN_CHARS = 40;

/** A text as a DNS label. Two texts never get the same one: what is none already is known by its digest. */
function labelOf(text: string): string {
  const isLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text) && text.length <= MAX_PLAIN_CHARS;
  // No digest of 32 characters behind two dashes: else a name could be chosen to collide with that of another.
  if (isLabel && !/--[0-9a-f]{32}$/.test(text)) return text;
  const words = text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 32);
  return `${words.replace(/^-/, '').slice(0, 16).replace(/-$/, '')}--${digest}`.replace(/^--/, 'x--');
}

export function slotName({ name }: Queue, index: number): string {
  return `slot-${name}-${index}`;
}

/** Names of nodes are DNS subdomains of up to 253 characters. */
export function waitingName({ name }: Queue, node: string): string {
  return `wait-${name}-${createHash('sha256').update(node).digest('hex').slice(0, 32)}`;
}

/** A lease, and since when it has been as it is, by our own clock. The clocks of different machines are never compared. */
export type SeenLease = { readonly lease: Lease; readonly since: number };

/** The leases of a queue as a list and a watch show them. */
export class SeenLeases {
  readonly #byName = new Map<string, SeenLease>();
  #listed = false;

  /** Has the API listed them yet? */
  get isListed(): boolean {
    return this.#listed;
  }

  get all(): readonly SeenLease[] {
    return [...this.#byName.values()];
  }

  sink(now: () => number, changed: () => void): Sink<Lease> {
    const see = (lease: Lease) => {
      if (this.#byName.get(lease.name)?.lease.resourceVersion === lease.resourceVersion) return;
      this.#byName.set(lease.name, { lease, since: now() });
    };
    return {
      replace: (leases) => {
        const names = new Set(leases.map(({ name }) => name));
        for (const name of this.#byName.keys()) if (!names.has(name)) this.#byName.delete(name);
        for (const lease of leases) see(lease);
        this.#listed = true;
        changed();
      },
      set: (lease) => {
        see(lease);
        changed();
      },
      remove: ({ name }) => {
        this.#byName.delete(name);
        changed();
      },
    };
  }
}

export type Judgement =
  /** `over`: the lease of that name, of which nothing is left but the object. */
  | { readonly kind: 'take'; readonly name: string; readonly over: Lease | undefined }
  | {
      readonly kind: 'wait';
      /** The slots that others hold, the oldest first. */
      readonly running: readonly Lease[];
      /** How many waiting drains come first. */
      readonly ahead: number;
      /** When time alone may change this; Infinity: never. */
      readonly changesAt: number;
    };

/**
 * Whether a drain may take a slot now, and which. Of the drains that wait, those whose action started first go first; each of them
 * goes for another free slot. Whether it gets the slot decides the API server: it lets one of several writes of the same version pass.
 */
export function judge(
  seen: readonly SeenLease[],
  me: Pick<Lease, 'holder' | 'startedAt'>,
  queue: Queue,
  now: number,
): Judgement {
  const mine = seen.find(({ lease }) => lease.kind === 'slot' && lease.holder === me.holder);
  // Of a predecessor, or of a task that drains the same node.
  if (mine !== undefined) return { kind: 'take', name: mine.lease.name, over: mine.lease };
  const live = seen.filter((one) => now < expiresAt(one));
  const slots = live.filter(({ lease }) => lease.kind === 'slot');
  const holders = new Set([me.holder, ...slots.map(({ lease }) => lease.holder)]);
  const ahead = live.filter(
    // Whoever has just got a slot may not have given up its place yet.
    ({ lease }) => lease.kind === 'waiting' && isBefore(lease, me) && !holders.has(lease.holder),
  );
  const taken = new Set(slots.map(({ lease }) => lease.name));
  const names = Array.from({ length: queue.limit }, (_, index) => slotName(queue, index));
  const free = names.filter((name) => !taken.has(name)).slice(0, Math.max(0, queue.limit - slots.length));
  const name = free[ahead.length];
  if (name !== undefined) return { kind: 'take', name, over: seen.find(({ lease }) => lease.name === name)?.lease };
  return {
    kind: 'wait',
    running: slots.map(({ lease }) => lease).sort((a, b) => a.acquiredAt - b.acquiredAt),
    ahead: ahead.length,
    changesAt: Math.min(...[...slots, ...ahead].map(expiresAt)),
  };
}

function expiresAt({ lease, since }: SeenLease): number {
  return since + lease.durationMs;
}

function isBefore(a: Pick<Lease, 'holder' | 'startedAt'>, b: Pick<Lease, 'holder' | 'startedAt'>): boolean {
  if (a.startedAt !== b.startedAt) return a.startedAt < b.startedAt;
  return a.holder < b.holder;
}

/** The places of drains that have ended without a word. */
export function abandoned(seen: Iterable<SeenLease>, now: number): Lease[] {
  return [...seen].filter((one) => one.lease.kind === 'waiting' && now >= expiresAt(one)).map(({ lease }) => lease);
}

const MIN_WAITING_MS = 30_000;
const MAX_WAITING_MS = 600_000;
const WAITING_MS_A_DRAIN = 2_000;

/**
 * How long the place of a waiting drain is kept without a word. Each renewal is sent to every drain that waits: those far behind,
 * whose place matters to nobody for now, renew theirs seldom.
 */
export function waitingDurationMs(ahead: number): number {
  return Math.min(Math.max(ahead * WAITING_MS_A_DRAIN, MIN_WAITING_MS), MAX_WAITING_MS);
}

const MAX_RESERVE_MS = 30 * 60_000;

/**
 * When a drain no longer waits for a slot, because it needs the time that is left: half an hour before its end, or half of its
 * time if that is less. Infinity: nothing ends it.
 */
export function goesWithoutAt({ certainEnd, deadlineAt, drainStartedAt }: Timeline): number {
  const endsAt = Math.min(
    certainEnd === undefined ? Number.POSITIVE_INFINITY : certainEnd.at - certainEnd.marginMs,
    deadlineAt ?? Number.POSITIVE_INFINITY,
  );
  return endsAt - Math.min(MAX_RESERVE_MS, Math.max(0, (endsAt - drainStartedAt) / 2));
}

/** Why a drain waits for a slot, for people. */
export function waitText({ of, limit }: Queue, running: readonly Lease[], ahead: number): string {
  const [first] = running;
  const since = first && ` (node ${first.holder} since ${new Date(first.acquiredAt).toISOString()})`;
  const before = ahead === 0 ? '' : `; ${ahead} waiting ${ahead === 1 ? 'drain' : 'drains'} started earlier`;
  return `waits for a slot: ${running.length} of ${limit} drains of ${of} are running${since ?? ''}${before}`;
}
