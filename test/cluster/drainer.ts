import { type ChildProcess, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { secretsIn, secretsOf } from '../support/secrets.ts';
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
  /** Everything that it said, for people. */
  readonly text: string;
};

/** The real program, as a process of its own, and what it says. */
export class Drainer {
  readonly lines: Line[] = [];
  readonly #process: ChildProcess;
  readonly #secrets: readonly string[];
  #said = '';
  #complaints = '';

  /**
   * Starts it as the container would: with this environment and no other. It does not outlive the test.
   * @param args what follows `drain`
   */
  constructor(t: TestContext, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [PROGRAM, 'drain', ...args], {
      env: { ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#secrets = secretsOf(environment);
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said += chunk;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.lines.push(v.parse(Line, JSON.parse(line)));
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#complaints += chunk;
    });
    t.after(() => {
      child.kill('SIGKILL');
    });
  }

  /** The first line that fits, now or later. Lines that came before `from` do not count. */
  async says(what: string, fits: (line: Line) => boolean, { withinMs = 30_000, from = 0 } = {}): Promise<Line> {
    return this.#watched(() =>
      eventually(
        `the drainer says ${what}`,
        () => {
          const line = this.lines.slice(from).find(fits);
          if (line === undefined && this.#hasEnded) throw new Error('it has ended');
          return line;
        },
        withinMs,
      ),
    );
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** How it ended. Its last line is the summary, and it never writes to stderr. */
  async ended(withinMs = 60_000): Promise<Ending> {
    return this.#watched(async () => {
      await eventually('the drainer ends', () => this.#hasEnded || undefined, withinMs);
      if (this.#complaints !== '') throw new Error('it wrote to stderr');
      const told = secretsIn(this.#said, this.#secrets);
      if (told.length > 0) throw new Error(`it told ${told.join(', ')}`);
      const summary = v.parse(Summary, this.lines.at(-1));
      return { exitCode: this.#process.exitCode, summary, lines: this.lines, text: this.#said };
    });
  }

  /** Pods of the namespace that it asked to evict or delete, once for each request. */
  asked(namespace: string): string[] {
    return this.lines.flatMap(({ event, pod }) =>
      event === 'eviction requested' && pod?.startsWith(`${namespace}/`) ? [pod.slice(namespace.length + 1)] : [],
    );
  }

  get #hasEnded(): boolean {
    const { exitCode, signalCode, stdout, stderr } = this.#process;
    return (exitCode !== null || signalCode !== null) && stdout?.closed !== false && stderr?.closed !== false;
  }

  /** A failure tells what the program said. */
  async #watched<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const told = this.lines.map(({ event, message }) => `  ${event}: ${message}`);
      throw new Error([String(cause), 'it said:', ...told, this.#complaints].join('\n'), { cause });
    }
  }
}
