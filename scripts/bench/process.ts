import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** What a process was, seen from outside. Times are milliseconds since the epoch. */
export type Ended = {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly exitCode: number | null;
  /** The most memory that it had at any time; undefined where the kernel does not say. */
  readonly peakBytes: number | undefined;
};

const LOOK_EVERY_MS = 20;
const LONGEST_MS = 900_000;

/**
 * Runs a program to its end. Its output goes to a file, not through us: whoever is measured must not wait for a reader.
 * @param environment no more than this, and where to find programs
 */
export async function runToEnd(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  log: string,
): Promise<Ended> {
  await using output = await open(log, 'w');
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  const startedAt = Date.now();
  const child = spawn(file, args, { env, stdio: ['ignore', output.fd, output.fd], timeout: LONGEST_MS });
  const exited = once(child, 'exit').then(() => Date.now());
  let peakBytes: number | undefined;
  // The kernel keeps the high-water mark itself, so only what is new within the last look before the end is missed.
  while (child.exitCode === null && child.signalCode === null) {
    peakBytes = (await highWaterMark(child.pid)) ?? peakBytes;
    await Promise.race([exited, pause(LOOK_EVERY_MS)]);
  }
  return { startedAt, endedAt: await exited, exitCode: child.exitCode, peakBytes };
}

/** https://man7.org/linux/man-pages/man5/proc_pid_status.5.html: VmHWM, the peak resident set size */
async function highWaterMark(pid: number | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
