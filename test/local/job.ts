import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { type Command, runProgram } from '../../scripts/local/runner.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** A program that runs during a test, possibly started through other programs. Terminated after the test. */
export class Job {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #closed: Promise<unknown>;
  #stdout = '';
  #stderr = '';

  constructor(t: TestContext, [program, ...args]: Command, env: Environment) {
    this.#child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stdout += chunk;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk;
    });
    this.#closed = once(this.#child, 'close');
    t.after(async () => {
      await this.terminate();
      await this.#closed;
    });
  }

  /** Sends SIGTERM to the program itself, because the programs that started it may not forward the signal. */
  async terminate(): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    process.kill(await innermost(this.#child.pid), 'SIGTERM');
  }

  async ended(): Promise<Ended> {
    await this.#closed;
    return { code: this.#child.exitCode ?? -1, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** Waits until stdout matches. @throws when the program ends without a match */
  async prints(what: RegExp): Promise<string> {
    for (;;) {
      const found = what.exec(this.#stdout)?.[0];
      if (found !== undefined) return found;
      if (this.#child.stdout.readableEnded) {
        throw new Error(`it ended without ${what}: ${this.#stdout} ${(await this.ended()).stderr}`);
      }
      await Promise.race([once(this.#child.stdout, 'data'), once(this.#child.stdout, 'end')]);
    }
  }
}

/** The last process in the chain of child processes of this one. */
async function innermost(pid: number): Promise<number> {
  const { stdout } = await runProgram(['ps', '-A', '-o', 'pid=,ppid=']);
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const childOf = new Map(pairs.map(([child = 0, parent = 0]) => [parent, child]));
  let last = pid;
  for (let child = childOf.get(pid); child !== undefined; child = childOf.get(child)) last = child;
  return last;
}
