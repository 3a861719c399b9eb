import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { secretsIn, secretsOf } from '../support/secrets.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/main.mjs', import.meta.url));

/** One JSON line of the program. */
export type Line = { readonly event: string; readonly message: string; readonly [field: string]: unknown };

export type Ended = { readonly code: number | null; readonly lines: readonly Line[]; readonly stderr: string };

/**
 * The built program as a child process, with exactly the given environment. Its output is searched for
 * secrets: `ended` rejects when it finds one.
 */
export class Program {
  readonly lines: Line[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';
  #onLine: (() => void)[] = [];

  /** @param secrets more secrets to search for, besides those in the environment; called when the process has ended */
  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    secrets: () => readonly string[] = () => [],
  ) {
    const child = spawn(process.execPath, [PROGRAM, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    createInterface({ input: child.stdout }).on('line', (text) => {
      this.#stdout += `${text}\n`;
      this.lines.push(JSON.parse(text));
      for (const wake of this.#onLine.splice(0)) wake();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#ended = once(child, 'close').then(([code]) => {
      for (const wake of this.#onLine.splice(0)) wake();
      const leaked = secretsIn(this.#stdout + this.#stderr, [...secretsOf(environment), ...secrets()]);
      if (leaked.length > 0)
        throw new Error(`the program printed ${leaked.join(', ')} in ${this.#stdout}${this.#stderr}`);
      return { code, lines: this.lines, stderr: this.#stderr };
    });
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  ended(): Promise<Ended> {
    return this.#ended;
  }

  kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): void {
    this.#process.kill(signal);
  }

  /** Resolves with the first line of this event; rejects when the program ends without it. */
  async line(event: string): Promise<Line> {
    for (;;) {
      const found = this.lines.find((line) => line.event === event);
      if (found !== undefined) return found;
      if (this.#process.exitCode !== null) throw new Error(`the program ended without '${event}': ${this.#stderr}`);
      await new Promise<void>((resolve) => this.#onLine.push(resolve));
    }
  }
}

/** The last line, which must be the summary. */
export function summaryOf({ lines, stderr }: Ended): Line {
  const last = lines.at(-1);
  if (last?.event !== 'summary') throw new Error(`the last line is no summary: ${JSON.stringify(last)} ${stderr}`);
  return last;
}
