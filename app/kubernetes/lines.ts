import { LARGEST_TEXT, TooLarge } from './limits.ts';

/** Puts together the lines of a watch from the pieces in which they arrive. */
export class Lines {
  readonly #largest: number;
  #pieces: string[] = [];
  #length = 0;

  constructor(largest = LARGEST_TEXT) {
    this.#largest = largest;
  }

  /**
   * The lines that this piece completes; empty ones are left out.
   * @throws TooLarge when a line gets longer than may be
   */
  take(chunk: string): string[] {
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
