import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** A process that has exited. Times are milliseconds since the epoch. */
export type Ended = {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly exitCode: number | null;
  /** Peak resident memory; undefined if the kernel does not provide it. */
  readonly peakBytes: number | undefined;
};

const POLL_INTERVAL_MS = 20;
const TIMEOUT_MS = 900_000;

/**
 * Runs a program until it exits. Its output goes to a file: the measured program must not wait for a reader.
 * @param environment the whole environment, except PATH
 * @param timeoutMs after which it is asked to end
 */
export async function runToEnd(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  log: string,
  timeoutMs = TIMEOUT_MS,
): Promise<Ended> {
  await using output = await open(log, 'w');
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  const startedAt = Date.now();
  const child = spawn(file, args, { env, stdio: ['ignore', output.fd, output.fd], timeout: timeoutMs });
  const exited = once(child, 'exit').then(() => Date.now());
  let peakBytes: number | undefined;
  // The kernel keeps the high-water mark, so only a growth after the last poll is missed.
  while (child.exitCode === null && child.signalCode === null) {
    peakBytes = (await highWaterMark(child.pid)) ?? peakBytes;
    await Promise.race([exited, pause(POLL_INTERVAL_MS)]);
  }
  return { startedAt, endedAt: await exited, exitCode: child.exitCode, peakBytes };
}

/** https://man7.org/linux/man-pages/man5/proc_pid_status.5.html: VmHWM, the peak resident set size */
async function highWaterMark(pid: number | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
