import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A program that drains a node. */
export type Contender = {
  readonly name: 'worker' | 'kubectl';
  readonly title: string;
  /** How its requests are told apart in an audit log. */
  readonly userAgent: string;
  readonly file: string;
  readonly args: (node: string) => string[];
  /** Added to the arguments, it does everything but change something: what a first run costs once is not measured. */
  readonly rehearsal: string;
  readonly environment: Readonly<Record<string, string>>;
};

/** As the image starts it: see the Dockerfile. */
export const NODE_FLAGS = ['--max-semi-space-size=4'];

const PROGRAM = fileURLToPath(new URL('../../dist/main.mjs', import.meta.url));

/**
 * @param kubeconfig of the user that drains
 * @param compileCache the folder where Node keeps what it compiled, as in the image
 */
export function worker(kubeconfig: string, compileCache: string): Contender {
  return {
    name: 'worker',
    title: 'fargate-node-drainer',
    userAgent: 'fargate-node-drainer',
    file: process.execPath,
    args: (node) => [...NODE_FLAGS, PROGRAM, 'drain', '--kubeconfig', kubeconfig, '--node', node],
    rehearsal: '--dry-run',
    environment: { NODE_COMPILE_CACHE: compileCache },
  };
}

/** `kubectl drain`, if there is a kubectl on PATH. */
export async function kubectl(kubeconfig: string): Promise<Contender | undefined> {
  const asked = promisify(execFile)('kubectl', ['version', '--client', '--output=json']);
  const version = await asked.then(({ stdout }) => /"gitVersion": *"([^"]+)"/.exec(stdout)?.[1] ?? '', missing);
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
    rehearsal: '--dry-run=client',
    // It keeps what it discovered about the cluster there.
    environment: { HOME: process.env['HOME'] ?? '' },
  };
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
