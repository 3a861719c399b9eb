import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export type Command = readonly [program: string, ...args: string[]];

export type Result = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type Options = {
  /** Write the output to the terminal instead of into the result. */
  readonly show?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
};

/** Runs a program until it exits. The exit code is 127 if it cannot be started, as in a shell. */
export type Run = (command: Command, options?: Options) => Promise<Result>;

export const NOT_FOUND = 127;

/** `docker compose` reads its file from here. */
const cwd = fileURLToPath(new URL('../..', import.meta.url));

export const runProgram: Run = ([program, ...args], { show = false, environment = {} } = {}) =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, ...environment };
    const ended = (code: number | null) => code ?? 1;
    const refused = (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? resolve({ code: NOT_FOUND, stdout: '', stderr: error.message }) : reject(error);
    if (show) {
      const child = spawn(program, args, { cwd, env, stdio: 'inherit' });
      child.on('error', refused).on('close', (code) => resolve({ code: ended(code), stdout: '', stderr: '' }));
      return;
    }
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
    child.on('error', refused).on('close', (code) => {
      outputs.then(([stdout, stderr]) => resolve({ code: ended(code), stdout, stderr }), reject);
    });
  });

/** A step that failed, with a message for the person at the terminal. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
}

/**
 * A runner that prints each command before it runs it.
 * @throws StepFailed when the exit code is not 0
 */
export function loud(run: Run, say: (line: string) => void): Run {
  return async (command, options) => {
    say(`  $ ${command.join(' ')}`);
    const result = await run(command, options);
    if (result.code === 0) return result;
    const stderr = result.stderr.trim();
    throw new StepFailed(`${command.join(' ')} ended with ${result.code}${stderr === '' ? '' : `: ${stderr}`}`);
  };
}
