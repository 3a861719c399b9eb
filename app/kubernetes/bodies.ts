import * as v from 'valibot';

const QUOTE = 34;
const COMMA = 44;
const ARRAY = 91;
const BACKSLASH = 92;
const ARRAY_END = 93;
const OBJECT = 123;
const OBJECT_END = 125;

/** The depth of the elements of an array that the outermost object holds: `{"items":[HERE]}`. */
const ITEM_DEPTH = 2;

/**
 * Reads a list of the API item by item, while it arrives: a thousand pods as one text, and as objects with all that we do not
 * need of them, take ten times the memory of what we keep.
 */
export class ListParser<T> {
  readonly #read: (item: unknown) => T;
  readonly #largest: number;
  readonly #items: T[] = [];
  /** The item that is arriving, and the text around all items. */
  #item = '';
  #around = '';
  #depth = 0;
  #inArray = false;
  #inString = false;
  #escaped = false;

  constructor(read: (item: unknown) => T, largest = MAX_TEXT_CHARS) {
    this.#read = read;
    this.#largest = largest;
  }

  /** @throws when an item is no JSON, or `read` refuses it; TooLarge when an item, or what is around them, is */
  push(chunk: string): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const code = chunk.charCodeAt(at);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (code === BACKSLASH) this.#escaped = true;
        else if (code === QUOTE) this.#inString = false;
      } else if (code === QUOTE) {
        this.#inString = true;
      } else if (code === OBJECT || code === ARRAY) {
        if (code === ARRAY && this.#depth === 1) this.#inArray = true;
        if (code === OBJECT && this.#isBetweenItems) {
          this.#around += chunk.slice(from, at);
          from = at;
        }
        this.#depth++;
      } else if (code === OBJECT_END || code === ARRAY_END) {
        this.#depth--;
        if (code === ARRAY_END && this.#depth === 1) this.#inArray = false;
        if (code === OBJECT_END && this.#isBetweenItems) {
          this.#items.push(this.#read(JSON.parse(this.#item + chunk.slice(from, at + 1))));
          this.#item = '';
          from = at + 1;
        }
      } else if (code === COMMA && this.#isBetweenItems) {
        this.#around += chunk.slice(from, at);
        from = at + 1;
      }
    }
    if (this.#inArray && this.#depth > ITEM_DEPTH) this.#item += chunk.slice(from);
    else this.#around += chunk.slice(from);
    if (this.#item.length > this.#largest) throw new TooLarge('an item of the list', this.#largest);
    if (this.#around.length > this.#largest) throw new TooLarge('the list around its items', this.#largest);
  }

  /**
   * The items, and the list without them.
   * @throws when what arrived is not whole, or no JSON
   */
  end(): { items: T[]; list: unknown } {
    return { items: this.#items, list: JSON.parse(this.#around) };
  }

  get #isBetweenItems(): boolean {
    return this.#inArray && this.#depth === ITEM_DEPTH;
  }
}

/** Puts together the lines of a watch from the pieces in which they arrive. */
export class LineSplitter {
  readonly #largest: number;
  #pieces: string[] = [];
  #length = 0;

  constructor(largest = MAX_TEXT_CHARS) {
    this.#largest = largest;
  }

  /**
   * The lines that this piece completes; empty ones are left out.
   * @throws TooLarge when a line gets longer than may be
   */
  push(chunk: string): string[] {
    const lines: string[] = [];
    const [first = '', ...more] = chunk.split('\n');
    this.#add(first);
    for (const piece of more) {
      const line = this.#pieces.join('');
      if (line !== '') lines.push(line);
      this.#pieces = [];
      this.#length = 0;
      this.#add(piece);
    }
    return lines;
  }

  /** @throws when the text ended in the middle of a line */
  end(): void {
    if (this.#length > 0) throw new Error('it ended in the middle of an event');
  }

  #add(piece: string): void {
    this.#length += piece.length;
    if (this.#length > this.#largest) throw new TooLarge('a line', this.#largest);
    if (piece !== '') this.#pieces.push(piece);
  }
}

/**
 * Letters of one answer, one item of a list, one line of a watch. An object in etcd is at most 1.5 MiB
 * (https://etcd.io/docs/v3.6/dev-guide/limit/), so an API server has nothing as long as this to say.
 */
export const MAX_TEXT_CHARS = 32 * 1024 * 1024;

/** Far more than a kubeconfig of hundreds of clusters has; to read more than that takes seconds. */
export const MAX_KUBECONFIG_BYTES = 4 * 1024 * 1024;

/** What somebody sends who is no API server, or a broken one: refused before it takes all memory. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';

  constructor(what: string, largest: number) {
    super(`${what} is larger than ${Math.round(largest / 1024 / 1024)} MiB`);
  }
}

/** The whole text of an answer. @throws TooLarge when it is longer than may be */
export async function textOf(chunks: AsyncIterable<string>, largest = MAX_TEXT_CHARS): Promise<string> {
  const pieces: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > largest) throw new TooLarge('the answer', largest);
    pieces.push(chunk);
  }
  return pieces.join('');
}

const ListObject = v.object({
  metadata: v.object({ resourceVersion: v.optional(v.string(), ''), continue: v.optional(v.string(), '') }),
  /** Objects were taken out of it while they arrived: whatever is left is none. */
  items: v.nullable(v.pipe(v.array(v.unknown()), v.maxLength(0, 'an item is no object'))),
});

/** What a list says of itself; its items are read one by one, but that they are a list is looked at here. */
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
