import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { limitCpus } from '../../../scripts/bench/cpu-limit.ts';
import { folder } from '../../support/folder.ts';

// A row for 0.25 vCPU that ran on all CPUs would meet its goal with any program.
test('a limited program runs in a control group with a quarter of a CPU', async (t) => {
  await using limit = await limitCpus(0.25);
  if (limit === undefined) return t.skip('needs root and a writable /sys/fs/cgroup');
  const { file, args } = limit.command('/bin/sh', ['-c', 'cat /proc/self/cgroup; echo "$1"', 'sh', 'an argument']);
  const { stdout } = await promisify(execFile)(file, [...args]);
  assert.match(stdout, /^\d+:(cpu[\w,]*)?:\/fargate-node-drainer-bench-\d+$/m);
  assert.match(stdout, /^an argument$/m);
});

// With the file of the other version, or the number in another unit, the limit is another one or none.
test('the quota of both versions of control groups is 25 ms in 100 ms', async (t) => {
  const root = await folder(t);
  await limitCpus(0.25, root);
  const [group = ''] = await readdir(root);
  assert.equal(await readFile(join(root, group, 'cpu.max'), 'utf8'), '25000 100000');

  const version1 = await folder(t);
  await mkdir(join(version1, 'cpu'));
  await limitCpus(0.25, version1);
  assert.equal(await readFile(join(version1, 'cpu', group, 'cpu.cfs_quota_us'), 'utf8'), '25000');
  assert.equal(await readFile(join(version1, 'cpu', group, 'cpu.cfs_period_us'), 'utf8'), '100000');
});

// The benchmark would measure without the limit that it prints, or fail on a laptop.
test('where no control group can be created, there is no limit', async () => {
  assert.equal(await limitCpus(0.25, '/proc/self'), undefined);
});
