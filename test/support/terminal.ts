import { Writable } from 'node:stream';
import xterm from '@xterm/headless';

/** A real terminal emulator that can be written to as to `process.stdout`, and looked at. */
export class EmulatedTerminal extends Writable {
  readonly isTTY = true;
  readonly #xterm: InstanceType<typeof xterm.Terminal>;

  constructor(columns = 80, rows = 24) {
    super({ decodeStrings: false });
    // The terminal driver of the kernel makes \r\n of \n.
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

  override _write(text: string, _encoding: string, done: () => void): void {
    this.#xterm.write(text, done);
  }

  /** Another size: as when a person drags the corner of the window. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#settled();
    this.#xterm.resize(columns, rows);
    this.emit('resize');
  }

  /** What is in sight, without the blank lines below. */
  async screen(): Promise<string[]> {
    return (await this.lines()).slice(this.#xterm.buffer.active.baseY);
  }

  /** What is in sight, and what has been scrolled away above it. Lines that the terminal broke are several. */
  async lines(): Promise<string[]> {
    await this.#settled();
    const { active } = this.#xterm.buffer;
    const lines = Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? '');
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  /** How many lines have been scrolled away. */
  async scrolled(): Promise<number> {
    await this.#settled();
    return this.#xterm.buffer.active.baseY;
  }

  /** The colour, of the sixteen, and the weight of the first letter of a line. */
  async lookOf(line: number): Promise<{ color: number; bold: boolean }> {
    await this.#settled();
    const cell = this.#xterm.buffer.active.getLine(line)?.getCell(0);
    return { color: cell?.getFgColor() ?? -1, bold: Boolean(cell?.isBold()) };
  }

  /** Asks the terminal, as a program would. */
  async showsCursor(): Promise<boolean> {
    await this.#settled();
    const { promise, resolve } = Promise.withResolvers<string>();
    const { dispose } = this.#xterm.onData(resolve);
    this.#xterm.write('\x1b[?25$p');
    const answer = await promise;
    dispose();
    return answer === '\x1b[?25;1$y';
  }

  async #settled(): Promise<void> {
    await new Promise<void>((resolve) => this.write('', () => resolve()));
  }
}
