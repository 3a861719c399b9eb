import { stripVTControlCharacters } from 'node:util';

/** What is needed of a terminal; `process.stdout` is one. Tells `resize`. */
export type Terminal = NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };

/** Some terminals have no size until somebody has looked at them: `docker run --tty` begins with 0 × 0. */
const USUAL = { columns: 80, rows: 24 };

/** https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const WRAP = '\x1b[?7h';
const CUT = '\x1b[?7l';
const ERASE_REST_OF_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';
/** Between these, a terminal that knows them draws nothing. */
const TOGETHER = ['\x1b[?2026h', '\x1b[?2026l'] as const;

/** The last lines of a terminal, drawn over again and again. What lasts goes above them. */
export class LiveRegion {
  readonly #terminal: Terminal;
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.#terminal.columns || USUAL.columns, rows: this.#terminal.rows || USUAL.rows };
  }

  /**
   * Puts `lines` where the former ones were.
   * @param lines each at most as long as the terminal is wide, all together lower than it is high
   */
  draw(lines: readonly string[]): void {
    if (lines.join('\n') === this.#drawn.join('\n')) return;
    // In place, not erased first: a terminal that does not wait for the whole picture would flicker.
    this.#write(`${this.#toTop()}${picture(lines)}${ERASE_BELOW}`);
    this.#drawn = lines;
  }

  /** Prints what stays, and `lines` below it. */
  print(lasting: string, lines: readonly string[]): void {
    this.#write(`${this.#toTop()}${ERASE_BELOW}${lasting}\n${picture(lines)}`);
    this.#drawn = lines;
  }

  /** Takes the live part away; the terminal is as it was before. */
  end(): void {
    this.#write(`${this.#toTop()}${ERASE_BELOW}${SHOW_CURSOR}`);
    this.#drawn = [];
  }

  #write(text: string): void {
    this.#terminal.write(`${TOGETHER[0]}${text}${TOGETHER[1]}`);
  }

  /** Terminals break the lines that no longer fit when they become narrower, so there may be more of them than were drawn. */
  #toTop(): string {
    const { columns } = this.size;
    const heights = this.#drawn.map((line) => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)));
    const up = heights.reduce((sum, height) => sum + height, 0);
    return up === 0 ? '\r' : `\r\x1b[${up}A`;
  }
}

/** Lines that the terminal cuts, whatever it takes for the width of their letters: one that wraps moves all others. */
function picture(lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `${HIDE_CURSOR}${CUT}${lines.map((line) => `${line}${ERASE_REST_OF_LINE}\n`).join('')}${WRAP}`;
}
