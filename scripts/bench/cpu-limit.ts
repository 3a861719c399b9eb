import { mkdir, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './poll.ts';

/** As container runtimes set it, in microseconds. */
const PERIOD_US = 100_000;

/** A control group whose processes share a part of the CPUs. */
export type CpuLimit = AsyncDisposable & {
  /** The command that starts a program in the group: already its start is limited. */
  command(file: string, args: readonly string[]): { readonly file: string; readonly args: readonly string[] };
};

/**
 * Creates a control group of Linux with this CPU time: `cpu.max` of version 2, or the CFS quota of version 1.
 * https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files, https://docs.kernel.org/scheduler/sched-bwc.html
 *
 * @param vcpus CPU seconds per second
 * @returns undefined where this user cannot create one: it needs root, and a writable /sys/fs/cgroup with the cpu controller
 */
export async function limitCpus(vcpus: number, root = '/sys/fs/cgroup'): Promise<CpuLimit | undefined> {
  const quota = Math.round(vcpus * PERIOD_US);
  const isVersion1 = await exists(join(root, 'cpu'));
  const group = join(isVersion1 ? join(root, 'cpu') : root, `fargate-node-drainer-bench-${process.pid}`);
  try {
    await mkdir(group);
  } catch {
    return undefined;
  }
  try {
    if (isVersion1) {
      await writeFile(join(group, 'cpu.cfs_period_us'), String(PERIOD_US));
      await writeFile(join(group, 'cpu.cfs_quota_us'), String(quota));
    } else {
      await writeFile(join(group, 'cpu.max'), `${quota} ${PERIOD_US}`);
    }
  } catch {
    await rmdir(group).catch(() => undefined);
    return undefined;
  }
  return {
    command: (file, args) => ({
      file: '/bin/sh',
      args: ['-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', group, file, ...args],
    }),
    // A group that has lost its last process just now can still be busy.
    [Symbol.asyncDispose]: () =>
      until(`${group} is removed`, () =>
        rmdir(group).then(
          () => true,
          () => false,
        ),
      ),
  };
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
