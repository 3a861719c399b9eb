import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** How to start a drainer. */
export type Command = {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
};

export type Ending = {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Null when it was killed. */
  readonly exitCode: number | null;
};

/** So much of what it printed is kept, for people who ask why. Nothing judges it. */
const KEPT_CHARACTERS = 20_000;

/** A drainer as a child process. */
export class Drain {
  readonly node: string;
  readonly startedAt = Date.now();
  output = '';
  /** It did not end by itself. */
  wasKilled = false;
  readonly #process: ChildProcess;
  readonly #ended: Promise<Ending>;
  #hasEnded = false;

  constructor(node: string, { file, args, environment }: Command) {
    this.node = node;
    // In a process group of its own: what a shell has started must not outlive it.
    const child = spawn(file, [...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-KEPT_CHARACTERS);
      });
    }
    this.#ended = once(child, 'exit').then(([exitCode]) => {
      this.#hasEnded = true;
      return { at: Date.now(), exitCode: this.wasKilled ? null : exitCode };
    });
    // A program that cannot be started rejects whoever waits for its end.
    this.#ended.catch(() => {
      this.#hasEnded = true;
    });
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** @throws when the program could not be started */
  ended(): Promise<Ending> {
    return this.#ended;
  }

  kill(): void {
    const { pid } = this.#process;
    if (this.#hasEnded || pid === undefined) return;
    this.wasKilled = true;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It ended at this moment.
    }
  }
}
