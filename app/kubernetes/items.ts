import { LARGEST_TEXT, TooLarge } from './limits.ts';

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
export class Items<T> {
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

  constructor(read: (item: unknown) => T, largest = LARGEST_TEXT) {
    this.#read = read;
    this.#largest = largest;
  }

  /** @throws when an item is no JSON, or `read` refuses it; TooLarge when an item, or what is around them, is */
  take(chunk: string): void {
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
