import type { KubernetesObject } from './metadata.ts';
import type { Resource } from './resource.ts';

export type Change<T extends KubernetesObject = KubernetesObject> = {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  version: number;
  object: T;
  /** The previous state; absent when the object was added. */
  previous?: T;
};

/** The counter of all resourceVersions, like the revision of etcd. */
export class Revisions {
  #current = 0;

  get current(): number {
    return this.#current;
  }

  next(): number {
    this.#current += 1;
    return this.#current;
  }
}

export function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The maximum number of changes in the history: enough for any test, but bounded. */
const HISTORY = 50_000;

export type Indexer<T> = (object: T) => readonly string[];

/** The objects of one resource with their history. Objects are never mutated, only replaced. */
export class Table<T extends KubernetesObject> {
  readonly resource: Resource<T>;
  readonly #revisions: Revisions;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, { keys: Indexer<T>; groups: Map<string, Map<string, T>> }>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  #sorted: readonly T[] | undefined;
  #history: Change<T>[] = [];
  #oldest = 0;
  #newest = 0;

  constructor(resource: Resource<T>, revisions: Revisions, indexers: Readonly<Record<string, Indexer<T>>> = {}) {
    this.resource = resource;
    this.#revisions = revisions;
    const all: Record<string, Indexer<T>> = {
      uid: (object) => [object.metadata.uid],
      namespace: (object) => [object.metadata.namespace ?? ''],
      owner: (object) => (object.metadata.ownerReferences ?? []).map((owner) => owner.uid),
      ...indexers,
    };
    for (const [name, keys] of Object.entries(all)) this.#indexes.set(name, { keys, groups: new Map() });
  }

  get revision(): number {
    return this.#revisions.current;
  }

  /** The oldest resource version from which the history is complete. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The version of the latest change of this resource. */
  get newest(): number {
    return this.#newest;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyOf(namespace, name));
  }

  /** All objects in etcd's order, which is that of their keys. */
  list(): readonly T[] {
    this.#sorted ??= [...this.#objects.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    return this.#sorted;
  }

  by(index: string, key: string): readonly T[] {
    return [...(this.#indexes.get(index)?.groups.get(key)?.values() ?? [])];
  }

  /** Writes a new object or a new state of a known one, under the next resource version. */
  write<W extends KubernetesObject>(object: W): T {
    const version = this.#revisions.next();
    const versioned = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    if (!this.resource.is(versioned)) throw new TypeError(`not a ${this.resource.kind}: ${JSON.stringify(object)}`);
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const previous = this.#objects.get(key);
    this.#objects.set(key, versioned);
    this.#index(key, previous, versioned);
    this.#tell(
      previous === undefined
        ? { type: 'ADDED', version, object: versioned }
        : { type: 'MODIFIED', version, object: versioned, previous },
    );
    return versioned;
  }

  /** Removes an object. The last event has its last state, with the version of the removal. */
  remove(object: KubernetesObject): void {
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const previous = this.#objects.get(key);
    if (previous === undefined || previous.metadata.uid !== object.metadata.uid) return;
    const version = this.#revisions.next();
    this.#objects.delete(key);
    this.#index(key, previous, undefined);
    const last: T = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(version) } };
    this.#tell({ type: 'DELETED', version, object: last, previous });
  }

  since(version: number): readonly Change<T>[] {
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#history[middle]?.version ?? 0) <= version) low = middle + 1;
      else high = middle;
    }
    return this.#history.slice(low);
  }

  /** The objects as they were at a version that is still in the history. */
  at(version: number): readonly T[] {
    const changes = this.since(version);
    if (changes.length === 0) return this.list();
    const then = new Map(this.#objects);
    for (const { object, previous } of changes.toReversed()) {
      const key = keyOf(object.metadata.namespace, object.metadata.name);
      if (previous === undefined) then.delete(key);
      else then.set(key, previous);
    }
    return [...then.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** Drops the history, like a compaction of etcd or a small watch cache. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#revisions.current;
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #index(key: string, previous: T | undefined, next: T | undefined): void {
    this.#sorted = undefined;
    for (const { keys, groups } of this.#indexes.values()) {
      for (const group of previous === undefined ? [] : keys(previous)) {
        const members = groups.get(group);
        members?.delete(key);
        if (members?.size === 0) groups.delete(group);
      }
      for (const group of next === undefined ? [] : keys(next)) {
        const members = groups.get(group) ?? new Map<string, T>();
        if (next !== undefined) groups.set(group, members.set(key, next));
      }
    }
  }

  #tell(change: Change<T>): void {
    this.#history.push(change);
    this.#newest = change.version;
    if (this.#history.length > HISTORY) {
      const forgotten = this.#history.splice(0, HISTORY / 2);
      this.#oldest = forgotten.at(-1)?.version ?? this.#oldest;
    }
    for (const listener of this.#listeners) listener(change);
  }
}

/** A table for code that handles all resources alike. */
export type AnyTable = { [K in keyof Table<KubernetesObject>]: Table<KubernetesObject>[K] };
