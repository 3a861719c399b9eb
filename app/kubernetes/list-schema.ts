import * as v from 'valibot';

const ListObject = v.object({
  metadata: v.object({ resourceVersion: v.optional(v.string(), ''), continue: v.optional(v.string(), '') }),
  /** Objects were taken out of it while they arrived: whatever is left is none. */
  items: v.nullable(v.pipe(v.array(v.unknown()), v.maxLength(0, 'an item is no object'))),
});

/** What a list says of itself; its items are read one by one (items.ts), but that they are a list is looked at here. */
export function readListMetadata(object: unknown): { resourceVersion: string; more: string } {
  const { metadata } = v.parse(ListObject, object);
  return { resourceVersion: metadata.resourceVersion, more: metadata.continue };
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
