import { Writable } from 'node:stream';
import xterm from '@xterm/headless';

/** A terminal emulator (xterm.js) that is written to like `process.stdout`, and whose screen can be read. */
export class EmulatedTerminal extends Writable {
  readonly isTTY = true;
  readonly #xterm: InstanceType<typeof xterm.Terminal>;

  constructor(columns = 80, rows = 24) {
    super({ decodeStrings: false });
    // The kernel's terminal driver converts \n to \r\n.
    this.#xterm = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: 10_000,
      convertEol: true,
      allowProposedApi: true,
    });
  }

  get columns(): number {
    return this.#xterm.cols;
  }

  get rows(): number {
    return this.#xterm.rows;
  }

  override _write(text: string, _encoding: string, callback: () => void): void {
    this.#xterm.write(text, callback);
  }

  /** Changes the size, as a person does who drags the corner of the window. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#flushed();
    this.#xterm.resize(columns, rows);
    this.emit('resize');
  }

  /** The visible lines, without trailing blank lines. */
  async screen(): Promise<string[]> {
    return (await this.lines()).slice(this.#xterm.buffer.active.baseY);
  }

  /** The visible lines and those scrolled away above them. A line that the terminal wrapped counts as several. */
  async lines(): Promise<string[]> {
    await this.#flushed();
    const { active } = this.#xterm.buffer;
    const lines = Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? '');
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  /** The number of lines scrolled away. */
  async scrolled(): Promise<number> {
    await this.#flushed();
    return this.#xterm.buffer.active.baseY;
  }

  /** The colour (of 16) and weight of the first letter of a line. */
  async styleOf(line: number): Promise<{ color: number; bold: boolean }> {
    await this.#flushed();
    const cell = this.#xterm.buffer.active.getLine(line)?.getCell(0);
    return { color: cell?.getFgColor() ?? -1, bold: Boolean(cell?.isBold()) };
  }

  /** Queries the terminal for its mode, as a program would. */
  async showsCursor(): Promise<boolean> {
    await this.#flushed();
    const { promise, resolve } = Promise.withResolvers<string>();
    const { dispose } = this.#xterm.onData(resolve);
    this.#xterm.write('\x1b[?25$p');
    const answer = await promise;
    dispose();
    return answer === '\x1b[?25;1$y';
  }

  async #flushed(): Promise<void> {
    await new Promise<void>((resolve) => this.write('', () => resolve()));
  }
}
