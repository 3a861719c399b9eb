import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runProgram } from '../../scripts/local/runner.ts';
import { Job } from '../local/job.ts';
import { cutAfter } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = process.env['IMAGE_BUILD'] ?? join(ROOT, 'scripts/ci/image-build');
const RUN = process.env['IMAGE_RUN'] ?? join(ROOT, 'scripts/ci/image-run');

export type Image = { readonly tag: string; readonly bytesAboveBase: number; readonly user: string };

/**
 * Builds one target of the Dockerfile with the command in IMAGE_BUILD: `IMAGE_BUILD FOLDER TAG` builds the last
 * stage, and prints how many bytes it adds to its base, and its user.
 */
export async function build(target: string): Promise<Image> {
  const folder = await mkdtemp(join(tmpdir(), 'node-drainer-image-'));
  try {
    await copyProject(folder);
    const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
    await writeFile(join(folder, 'Dockerfile'), cutAfter(dockerfile, target));
    const tag = `node-drainer-${target}:checked`;
    const { code, stdout, stderr } = await runProgram([BUILD, folder, tag]);
    const report = /(\d+) bytes above its base.*; user (\S*)/.exec(stdout);
    if (code !== 0 || report === null) throw new Error(`${BUILD} ended with ${code}\n${stdout}\n${stderr}`);
    return { tag, bytesAboveBase: Number(report[1]), user: report[2] ?? '' };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Copies tracked and untracked files but no ignored ones, so that a build cannot depend on local files such as node_modules. */
async function copyProject(folder: string): Promise<void> {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const { stdout } = await promisify(execFile)('git', list, { cwd: ROOT, maxBuffer: 10_000_000 });
  for (const path of stdout.split('\0').filter((line) => line !== '')) {
    await cp(join(ROOT, path), join(folder, path), { recursive: true });
  }
}

type RunOptions = {
  readonly environment?: Readonly<Record<string, string>>;
  /** Path in the container → path on this machine. */
  readonly mounts?: Readonly<Record<string, string>>;
};

/** Starts an image with the command in IMAGE_RUN, on a read-only file system. */
export function start(t: TestContext, { tag }: Image, args: readonly string[], options: RunOptions = {}): Job {
  const { environment = {}, mounts = {} } = options;
  const RUN_ENV = words(Object.entries(environment).map(([name, value]) => `${name}=${value}`));
  const RUN_MOUNT = words(Object.entries(mounts).map(([inside, host]) => `${host}:${inside}:ro`));
  return new Job(t, [RUN, tag, ...args], { ...process.env, RUN_ENV, RUN_MOUNT });
}

function words(values: readonly string[]): string {
  const broken = values.find((value) => /\s/.test(value));
  if (broken !== undefined) throw new Error(`'${broken}' must not contain spaces`);
  return values.join(' ');
}
