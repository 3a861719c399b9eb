import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from './drain.ts';

/** What is asked of a drain beyond draining. A drainer that knows no such thing ignores it, and the pods show that. */
export type Asks = {
  /** The instance dies so many seconds after the start of the drain, whatever happens. */
  readonly limitSeconds?: number;
  /** Pods that ask not to be disrupted are kept for so long. */
  readonly keepSeconds?: number;
  /** A pod that only finalizers keep is waited for so long. */
  readonly finalizerSeconds?: number;
  /** After the last pod load balancers get so long to let the node go. */
  readonly loadBalancerSeconds?: number;
  /** A single replica may be replaced by its Deployment's own rolling update. */
  readonly surge?: true;
};

/** What to drain. */
export type Target = {
  readonly node: string;
  /** A file: the drainer's user in the cluster. */
  readonly kubeconfig: string;
  /** Where an instance is terminating: the environment in which its lifecycle event starts a task. */
  readonly instance?: { readonly id: string; readonly environment: Readonly<Record<string, string>> };
};

/** How to start a drainer. */
export type Adapter = {
  readonly name: string;
  /** With its version, for tables. */
  readonly title: string;
  /** It takes an instance instead of a node, and completes the lifecycle hook itself. */
  readonly knowsInstances: boolean;
  /** `own`: those in infra/kubernetes. Others may do everything: it is not their rights that are judged. */
  readonly rights: 'own' | 'all';
  readonly command: (target: Target, asks: Asks) => Command;
};

/** The built program. */
export function ours(): Adapter {
  const program = fileURLToPath(new URL('../../dist/main.mjs', import.meta.url));
  return {
    name: 'ours',
    title: 'fargate-node-drainer',
    knowsInstances: true,
    rights: 'own',
    command: ({ node, kubeconfig, instance }, asks) => ({
      file: process.execPath,
      args: [program, 'drain', ...(instance === undefined ? ['--kubeconfig', kubeconfig, '--node', node] : [])],
      environment: { ...instance?.environment, ...settingsOf(asks) },
    }),
  };
}

function settingsOf(asks: Asks): Record<string, string> {
  const { limitSeconds, keepSeconds, finalizerSeconds, loadBalancerSeconds, surge } = asks;
  return {
    ...(limitSeconds !== undefined && { DRAIN_DEADLINE_SECONDS: String(limitSeconds), LAST_RESORT_SECONDS: '1' }),
    ...(keepSeconds !== undefined && { DO_NOT_DISRUPT_SECONDS: String(keepSeconds) }),
    ...(finalizerSeconds !== undefined && { FINALIZER_SECONDS: String(finalizerSeconds) }),
    ...(loadBalancerSeconds !== undefined && {
      LOAD_BALANCER_EXCLUSION: 'end',
      LOAD_BALANCER_SECONDS: String(loadBalancerSeconds),
    }),
    ...(surge === true && { SURGE: 'blocked' }),
  };
}

/** `kubectl drain` with the flags that everybody uses; undefined without kubectl on PATH. */
export async function kubectl(): Promise<Adapter | undefined> {
  const version = await promisify(execFile)('kubectl', ['version', '--client', '--output=json']).then(
    ({ stdout }) => /"gitVersion": *"v?([0-9.]+)/.exec(stdout)?.[1] ?? '',
    missing,
  );
  if (version === undefined) return undefined;
  return {
    name: 'kubectl',
    title: `kubectl drain ${version}`.trim(),
    knowsInstances: false,
    rights: 'all',
    command: ({ node, kubeconfig }, { limitSeconds }) => ({
      file: 'kubectl',
      args: [
        ...['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--force'],
        ...(limitSeconds === undefined ? [] : [`--timeout=${limitSeconds}s`]),
      ],
      environment: shellEnvironment(kubeconfig),
    }),
  };
}

/** Cordons the node and deletes every pod on it, as many scripts do: it asks nobody and waits for nothing, so that most scenarios must see it fail. */
export function deleteAll(): Adapter {
  const script = fileURLToPath(new URL('./delete-all.ts', import.meta.url));
  return {
    name: 'delete-all',
    title: 'cordon and delete all',
    knowsInstances: false,
    rights: 'all',
    command: ({ node, kubeconfig }) => ({
      file: process.execPath,
      args: [script, node],
      environment: shellEnvironment(kubeconfig),
    }),
  };
}

/**
 * Any other drainer, started by the shell. `{node}` in the command is the node's name. With `{instance}` it takes part in the
 * scenarios of lifecycle hooks, and its environment is that of the lifecycle event. KUBECONFIG, and what a scenario asks
 * (LIMIT_SECONDS, KEEP_SECONDS, FINALIZER_SECONDS, LOAD_BALANCER_SECONDS), are in its environment, too.
 */
export function custom(command: string): Adapter {
  const knowsInstances = command.includes('{instance}');
  return {
    name: 'custom',
    title: command,
    knowsInstances,
    rights: 'all',
    command: ({ node, kubeconfig, instance }, asks) => ({
      file: 'sh',
      args: ['-c', command.replaceAll('{node}', node).replaceAll('{instance}', instance?.id ?? '')],
      environment: {
        ...inherited(),
        ...instance?.environment,
        KUBECONFIG: kubeconfig,
        ...(asks.limitSeconds !== undefined && { LIMIT_SECONDS: String(asks.limitSeconds) }),
        ...(asks.keepSeconds !== undefined && { KEEP_SECONDS: String(asks.keepSeconds) }),
        ...(asks.finalizerSeconds !== undefined && { FINALIZER_SECONDS: String(asks.finalizerSeconds) }),
        ...(asks.loadBalancerSeconds !== undefined && { LOAD_BALANCER_SECONDS: String(asks.loadBalancerSeconds) }),
      },
    }),
  };
}

function shellEnvironment(kubeconfig: string): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  // kubectl keeps what it has discovered of an API server in HOME.
  return { PATH, HOME, KUBECONFIG: kubeconfig };
}

function inherited(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
