import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DrainBehaviour } from '../../app/config/drain-behaviour.ts';
import { type Admin, ifFound, isReady } from '../../test/cluster/admin.ts';
import { eventually } from '../../test/cluster/poll.ts';
import { type Contender, kubectl, worker } from '../bench/contender.ts';
import { runToEnd } from '../bench/process.ts';
import type { Scenario } from './scenario.ts';

export type Ended = { readonly ended: boolean; readonly exitCode: number | null };

/** What takes a node out of service. */
export type Drainer = {
  readonly name: 'ours' | 'kubectl' | 'power-cut';
  readonly title: string;
  /** Why it cannot run this scenario; undefined: it can. */
  cannot(scenario: Scenario): string | undefined;
  /** Does the machine go off at the beginning, and not when the drain has ended? */
  readonly isPowerCut: boolean;
  /** @param log the file for its output */
  drain(node: string, scenario: Scenario, log: string): Promise<Ended>;
  /** Puts the machine back, after the measurement. */
  restore(node: string): Promise<void>;
};

const OFFLINE_WITHIN_MS = 120_000;
const ONLINE_WITHIN_MS = 120_000;

export async function drainersOf(
  admin: Admin,
  { kubeconfig, environment, out }: { kubeconfig: string; environment: NodeJS.ProcessEnv; out: string },
): Promise<Drainer[]> {
  const ours = worker(environment['DRAINER_KUBECONFIG'] || kubeconfig, join(out, 'compile-cache'));
  const theirs = await kubectl(kubeconfig);
  return [
    program('ours', ours, ({ needs }) =>
      needs === undefined || Object.hasOwn(DrainBehaviour, needs) ? undefined : `not supported: no setting ${needs}`,
    ),
    ...(theirs === undefined ? [] : [program('kubectl', theirs, () => undefined)]),
    powerCut(admin, environment),
  ];
}

function program(name: 'ours' | 'kubectl', contender: Contender, cannot: Drainer['cannot']): Drainer {
  const { title, file, args, environment } = contender;
  return {
    name,
    title,
    cannot,
    isPowerCut: false,
    drain: async (node, { settings = {}, limitSeconds }, log) => {
      const all = name === 'ours' ? { ...environment, ...settings } : environment;
      const limitMs = limitSeconds * 1_000;
      const { startedAt, endedAt, exitCode } = await runToEnd(file, args(node), all, log, limitMs);
      return { ended: endedAt - startedAt < limitMs, exitCode };
    },
    restore: async () => undefined,
  };
}

/**
 * The machine goes off. 40 seconds later the node is NotReady, and its pods leave their Services; then the cloud's controller finds that
 * the instance is gone, and deletes the node (MonitorNodes in k8s.io/cloud-provider/controllers/nodelifecycle), and the garbage collector
 * deletes its pods.
 */
function powerCut({ core }: Admin, { POWER_OFF, POWER_ON }: NodeJS.ProcessEnv): Drainer {
  const find = (name: string) => ifFound(core.readNode({ name }));
  return {
    name: 'power-cut',
    title: 'power cut',
    isPowerCut: true,
    cannot: ({ powerCut: shown = false }) => {
      if (!shown) return 'as in other scenarios';
      return POWER_OFF && POWER_ON ? undefined : 'POWER_OFF and POWER_ON are not set';
    },
    drain: async (node) => {
      await shell(POWER_OFF, node);
      const isOffline = async () => {
        const found = await find(node);
        return (found !== undefined && !isReady(found)) || undefined;
      };
      await eventually(`${node} is NotReady`, isOffline, OFFLINE_WITHIN_MS);
      await ifFound(core.deleteNode({ name: node }));
      return { ended: true, exitCode: null };
    },
    restore: async (node) => {
      await shell(POWER_ON, node);
      const isOnline = async () => {
        const found = await find(node);
        return (found !== undefined && isReady(found)) || undefined;
      };
      await eventually(`${node} is Ready again`, isOnline, ONLINE_WITHIN_MS);
    },
  };
}

async function shell(command = '', node: string): Promise<void> {
  const filled = command.replaceAll('{node}', node);
  await promisify(execFile)('sh', ['-c', filled], { timeout: 60_000 });
}
