import { stripVTControlCharacters } from 'node:util';

/** A terminal, such as `process.stdout`. Emits `resize`. */
export type Terminal = NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };

/** For terminals that do not know their size yet: `docker run --tty` starts with 0 × 0. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const ENABLE_WRAP = '\x1b[?7h';
const DISABLE_WRAP = '\x1b[?7l';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';
/** Synchronized output: a terminal that supports it shows everything between these at once. */
const BEGIN_UPDATE = '\x1b[?2026h';
const END_UPDATE = '\x1b[?2026l';

/** The last lines of a terminal, which are redrawn in place. Permanent lines are printed above them. */
export class LiveRegion {
  readonly #terminal: Terminal;
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.#terminal.columns || DEFAULT_SIZE.columns, rows: this.#terminal.rows || DEFAULT_SIZE.rows };
  }

  /**
   * Replaces the live lines.
   * @param lines none longer than the terminal is wide, and fewer than its rows
   */
  draw(lines: readonly string[]): void {
    if (lines.join('\n') === this.#drawn.join('\n')) return;
    // Erases line by line instead of all at once: without synchronized output the terminal would flicker.
    this.#write(`${this.#toFirstLine()}${unwrapped(lines)}${ERASE_BELOW}`);
    this.#drawn = lines;
  }

  /** Prints a permanent text above the live lines. */
  print(permanent: string, lines: readonly string[]): void {
    this.#write(`${this.#toFirstLine()}${ERASE_BELOW}${permanent}\n${unwrapped(lines)}`);
    this.#drawn = lines;
  }

  /** Erases the live lines and shows the cursor again. */
  end(): void {
    this.#write(`${this.#toFirstLine()}${ERASE_BELOW}${SHOW_CURSOR}`);
    this.#drawn = [];
  }

  #write(text: string): void {
    this.#terminal.write(`${BEGIN_UPDATE}${text}${END_UPDATE}`);
  }

  /** Moves the cursor to the first live line. A terminal that became narrower has wrapped lines, so they may take more rows. */
  #toFirstLine(): string {
    const { columns } = this.size;
    const heights = this.#drawn.map((line) => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)));
    const up = heights.reduce((sum, height) => sum + height, 0);
    return up === 0 ? '\r' : `\r\x1b[${up}A`;
  }
}

/**
 * With wrapping disabled, because the terminal may draw letters wider than expected: a wrapped line would move all others. Each line is
 * erased before it is written: after a text that fills the line the cursor is still on its last letter, which would be erased.
 */
function unwrapped(lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `${HIDE_CURSOR}${DISABLE_WRAP}${lines.map((line) => `${ERASE_LINE}${line}\n`).join('')}${ENABLE_WRAP}`;
}
