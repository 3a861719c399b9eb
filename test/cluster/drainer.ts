import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { secretsIn, secretsOf } from '../support/secrets.ts';
import type { Afterwards } from './afterwards.ts';
import { eventually } from './poll.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/main.mjs', import.meta.url));

const Text = v.optional(v.string());
const Line = v.looseObject({
  /** Milliseconds since the epoch. */
  time: v.pipe(v.string(), v.transform(Date.parse)),
  level: v.string(),
  event: v.string(),
  message: v.string(),
  pod: Text,
  reason: Text,
  waitReason: Text,
  action: Text,
  matchedBy: Text,
  node: Text,
});
export type Line = v.InferOutput<typeof Line>;

const Summary = v.looseObject({
  event: v.literal('summary'),
  result: v.string(),
  exitCode: v.number(),
  hook: v.string(),
  pods: v.object({ evicted: v.number(), skipped: v.number(), remaining: v.number() }),
  heartbeats: v.number(),
  apiRequests: v.record(v.string(), v.number()),
});

export type Ending = {
  readonly exitCode: number | null;
  readonly summary: v.InferOutput<typeof Summary>;
  readonly lines: readonly Line[];
  /** The whole stdout. */
  readonly text: string;
};

/** The real program as a child process, and its log lines. */
export class Drainer {
  readonly lines: Line[] = [];
  readonly #process: ChildProcess;
  readonly #secrets: readonly string[];
  #stdout = '';
  #stderr = '';

  /**
   * Starts the program with exactly this environment, as the container does. Kills it after the test.
   * @param args arguments after `drain`
   */
  constructor(t: Afterwards, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [PROGRAM, 'drain', ...args], {
      env: { ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#secrets = secretsOf(environment);
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stdout += chunk;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.lines.push(v.parse(Line, JSON.parse(line)));
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk;
    });
    t.after(() => {
      child.kill('SIGKILL');
    });
  }

  /** Waits for the first line that matches. Ignores the lines before index `from`. */
  async reports(what: string, matches: (line: Line) => boolean, { withinMs = 30_000, from = 0 } = {}): Promise<Line> {
    return this.#withOutput(() =>
      eventually(
        `the drainer reports ${what}`,
        () => {
          const line = this.lines.slice(from).find(matches);
          if (line === undefined && this.#hasEnded) throw new Error('it has ended');
          return line;
        },
        withinMs,
      ),
    );
  }

  /** Tells it to stop, as ECS does. */
  stop(): void {
    this.#process.kill('SIGTERM');
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** Ends the process at once, as a task ends whose host fails. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await eventually('the drainer is killed', () => this.#hasEnded || undefined);
  }

  /** Waits for the end of the process. @throws when its last line is not the summary, or it wrote to stderr */
  async ended(withinMs = 60_000): Promise<Ending> {
    return this.#withOutput(async () => {
      await eventually('the drainer ends', () => this.#hasEnded || undefined, withinMs);
      if (this.#stderr !== '') throw new Error('it wrote to stderr');
      const leaked = secretsIn(this.#stdout, this.#secrets);
      if (leaked.length > 0) throw new Error(`it printed ${leaked.join(', ')}`);
      const summary = v.parse(Summary, this.lines.at(-1));
      return { exitCode: this.#process.exitCode, summary, lines: this.lines, text: this.#stdout };
    });
  }

  /** Pods of the namespace for which it requested an eviction or deletion, once for each request. */
  evictionRequests(namespace: string): string[] {
    return this.lines.flatMap(({ event, pod }) =>
      event === 'eviction requested' && pod?.startsWith(`${namespace}/`) ? [pod.slice(namespace.length + 1)] : [],
    );
  }

  get #hasEnded(): boolean {
    const { exitCode, signalCode, stdout, stderr } = this.#process;
    return (exitCode !== null || signalCode !== null) && stdout?.closed !== false && stderr?.closed !== false;
  }

  /** Adds the program's output to an error. */
  async #withOutput<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const output = this.lines.map(({ event, message }) => `  ${event}: ${message}`);
      throw new Error([String(cause), 'its output:', ...output, this.#stderr].join('\n'), { cause });
    }
  }
}
