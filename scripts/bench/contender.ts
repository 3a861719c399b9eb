import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A program that drains a node, to compare with others. */
export type Contender = {
  readonly name: 'worker' | 'kubectl';
  readonly title: string;
  /** Identifies its requests in an audit log. */
  readonly userAgent: string;
  readonly file: string;
  readonly args: (node: string) => string[];
  /** The flag for a run without changes. */
  readonly dryRunFlag: string;
  readonly environment: Readonly<Record<string, string>>;
};

/** The flags of the image: see the Dockerfile. */
export const NODE_FLAGS = ['--max-semi-space-size=4'];

const PROGRAM = fileURLToPath(new URL('../../dist/main.mjs', import.meta.url));

/**
 * @param kubeconfig of the user that drains
 * @param compileCache the folder of Node's compile cache, as in the image
 */
export function worker(kubeconfig: string, compileCache: string): Contender {
  return {
    name: 'worker',
    title: 'fargate-node-drainer',
    userAgent: 'fargate-node-drainer',
    file: process.execPath,
    args: (node) => [...NODE_FLAGS, PROGRAM, 'drain', '--kubeconfig', kubeconfig, '--node', node],
    dryRunFlag: '--dry-run',
    environment: { NODE_COMPILE_CACHE: compileCache },
  };
}

/** Fills Node's compile cache as the Dockerfile does: a drain changes flags of V8, and so cannot fill the cache of the next one. */
export async function fillCompileCache(compileCache: string): Promise<void> {
  const args = [...NODE_FLAGS, PROGRAM, '--version'];
  await promisify(execFile)(process.execPath, args, { env: { NODE_COMPILE_CACHE: compileCache } });
}

/** `kubectl drain`; undefined if kubectl is not on PATH. */
export async function kubectl(kubeconfig: string): Promise<Contender | undefined> {
  const output = promisify(execFile)('kubectl', ['version', '--client', '--output=json']);
  const version = await output.then(({ stdout }) => /"gitVersion": *"([^"]+)"/.exec(stdout)?.[1] ?? '', missing);
  if (version === undefined) return undefined;
  return {
    name: 'kubectl',
    title: `kubectl drain ${version}`.trim(),
    userAgent: 'kubectl',
    file: 'kubectl',
    args: (node) => [
      `--kubeconfig=${kubeconfig}`,
      'drain',
      node,
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--force',
    ],
    dryRunFlag: '--dry-run=client',
    // kubectl caches API discovery there.
    environment: { HOME: process.env['HOME'] ?? '' },
  };
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
