import * as v from 'valibot';

const ListObject = v.object({
  metadata: v.object({ resourceVersion: v.optional(v.string(), ''), continue: v.optional(v.string(), '') }),
  items: v.nullable(v.array(v.unknown())),
});

/** A list of whatever `read` reads. */
export function readList<T>(
  object: unknown,
  read: (item: unknown) => T,
): { items: T[]; resourceVersion: string; more: string } {
  const { metadata, items } = v.parse(ListObject, object);
  return { items: (items ?? []).map(read), resourceVersion: metadata.resourceVersion, more: metadata.continue };
}

const WatchObject = v.object({ type: v.string(), object: v.unknown() });
const Versioned = v.object({ metadata: v.object({ resourceVersion: v.string() }) });

/** One line of a watch. */
export function readWatchEvent(line: string): { type: string; object: unknown } {
  return v.parse(WatchObject, JSON.parse(line));
}

export function resourceVersionOf(object: unknown): string {
  return v.parse(Versioned, object).metadata.resourceVersion;
}
