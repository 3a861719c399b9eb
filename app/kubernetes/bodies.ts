import * as v from 'valibot';

/**
 * Maximum length of one response, one item of a list and one line of a watch. An object in etcd is at most 1.5 MiB
 * (https://etcd.io/docs/v3.6/dev-guide/limit/), so an API server sends nothing as long as this.
 */
export const MAX_TEXT_CHARS = 32 * 1024 * 1024;

/** The sender is not an API server, or a broken one: its response is refused before it fills the memory. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';

  constructor(what: string, maxChars: number) {
    super(`${what} is larger than ${Math.round(maxChars / 1024 / 1024)} MiB`);
  }
}

/** The whole text of a response. @throws TooLarge */
export async function textOf(chunks: AsyncIterable<string>, maxChars = MAX_TEXT_CHARS): Promise<string> {
  const pieces: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > maxChars) throw new TooLarge('the response', maxChars);
    pieces.push(chunk);
  }
  return pieces.join('');
}

const QUOTE = 34;
const COMMA = 44;
const ARRAY = 91;
const BACKSLASH = 92;
const ARRAY_END = 93;
const OBJECT = 123;
const OBJECT_END = 125;

/** The depth of the elements of an array in the outermost object: `{"items":[HERE]}`. */
const ITEM_DEPTH = 2;

/**
 * Parses a list of the API item by item as the response arrives. The text of a thousand pods and their complete objects would
 * take ten times the memory of the fields that the drainer keeps.
 */
export class ListParser<T> {
  readonly #read: (item: unknown) => T;
  readonly #maxChars: number;
  readonly #items: T[] = [];
  /** The incomplete item, and the text around all items. */
  #item = '';
  #around = '';
  #depth = 0;
  #inArray = false;
  #inString = false;
  #escaped = false;

  constructor(read: (item: unknown) => T, maxChars = MAX_TEXT_CHARS) {
    this.#read = read;
    this.#maxChars = maxChars;
  }

  /** @throws SyntaxError when an item is not JSON, TooLarge, and the errors of `read` */
  push(chunk: string): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (this.#inString) at = this.#endOfString(chunk, at);
      const code = chunk.charCodeAt(at);
      if (code === QUOTE) {
        this.#inString = !this.#inString;
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
    if (this.#item.length > this.#maxChars) throw new TooLarge('an item of the list', this.#maxChars);
    if (this.#around.length > this.#maxChars) throw new TooLarge('the list without its items', this.#maxChars);
  }

  /**
   * The items, and the list without them.
   * @throws SyntaxError when the text is incomplete or not JSON
   */
  end(): { items: T[]; list: unknown } {
    return { items: this.#items, list: JSON.parse(this.#around) };
  }

  /**
   * The index of the quote that ends the string, or the length of the chunk. Most of a list is strings, so `indexOf` reads most of it.
   * @param from an index in the string
   */
  #endOfString(chunk: string, from: number): number {
    let at = this.#escaped ? from + 1 : from;
    this.#escaped = false;
    for (;;) {
      const quote = chunk.indexOf('"', at);
      const end = quote === -1 ? chunk.length : quote;
      let backslashes = 0;
      while (end - backslashes > at && chunk.charCodeAt(end - backslashes - 1) === BACKSLASH) backslashes++;
      const isEscaped = backslashes % 2 === 1;
      if (quote === -1) this.#escaped = isEscaped;
      if (quote === -1 || !isEscaped) return end;
      at = quote + 1;
    }
  }

  get #isBetweenItems(): boolean {
    return this.#inArray && this.#depth === ITEM_DEPTH;
  }
}

const ListObject = v.object({
  metadata: v.object({
    resourceVersion: v.optional(v.string(), ''),
    continue: v.optional(v.string(), ''),
    /** Omitted when nothing remains, and when the list has a selector. */
    remainingItemCount: v.optional(v.number(), 0),
  }),
  /** ListParser has removed the objects: anything that remains is not an object. */
  items: v.nullable(v.pipe(v.array(v.unknown()), v.maxLength(0, 'an item is not an object'))),
});

export type ListMetadata = {
  readonly resourceVersion: string;
  /** Of the next page, or empty. */
  readonly continueToken: string;
  readonly remainingItemCount: number;
};

/**
 * The metadata of a list whose items ListParser has removed.
 * @throws ValiError when `items` is not a list of objects, or there is no metadata
 */
export function readListMetadata(object: unknown): ListMetadata {
  const { metadata } = v.parse(ListObject, object);
  const { resourceVersion, remainingItemCount } = metadata;
  return { resourceVersion, continueToken: metadata.continue, remainingItemCount };
}

/** Assembles the lines of a watch from the chunks of the response. */
export class LineSplitter {
  readonly #maxChars: number;
  #pieces: string[] = [];
  #length = 0;

  constructor(maxChars = MAX_TEXT_CHARS) {
    this.#maxChars = maxChars;
  }

  /**
   * The lines that this chunk completes, without empty lines.
   * @throws TooLarge
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

  /** @throws Error when the last line is incomplete */
  end(): void {
    if (this.#length > 0) throw new Error('the response ended in the middle of an event');
  }

  #add(piece: string): void {
    this.#length += piece.length;
    if (this.#length > this.#maxChars) throw new TooLarge('a line', this.#maxChars);
    if (piece !== '') this.#pieces.push(piece);
  }
}

const WatchEvent = v.object({ type: v.string(), object: v.unknown() });

/** One line of a watch. @throws SyntaxError or ValiError */
export function readWatchEvent(line: string): { type: string; object: unknown } {
  return v.parse(WatchEvent, JSON.parse(line));
}

const Versioned = v.object({ metadata: v.object({ resourceVersion: v.string() }) });

/** @throws ValiError */
export function resourceVersionOf(object: unknown): string {
  return v.parse(Versioned, object).metadata.resourceVersion;
}
