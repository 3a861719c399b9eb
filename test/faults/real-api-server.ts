import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { GROUP, HOOK, KUBECONFIG_SETTINGS, launchGroup, NO_LOAD_BALANCERS, putKubeconfig } from '../process/account.ts';
import { Program } from '../process/program.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { apiServer } from '../witness/api-server.ts';
import { harmText } from '../witness/harm.ts';
import { watchInstances } from '../witness/watch-instances.ts';
import { runPods } from './pods.ts';
import { seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';

const OUTAGE_MS = 60_000;
const PODS = 30;

/**
 * A real API server on this machine, killed by SIGKILL during a drain and restarted a minute later. FAULTS_API_SERVER_PID
 * names the file with its process ID and, comma-separated, the PID files of processes that exit with it. KUBECONFIG names
 * its cluster, which the scenario may break. Without these variables the scenario is skipped.
 */
export function realApiServer(environment: Readonly<Record<string, string | undefined>>): readonly FaultScenario[] {
  const { FAULTS_API_SERVER_PID: pidFile, KUBECONFIG: kubeconfig } = environment;
  if (!pidFile || !kubeconfig) return [];
  return [
    {
      name: 'a real API server killed by SIGKILL during the drain and restarted after 60 s',
      busy: false,
      run: () => drainWhileKilled(pidFile, kubeconfig),
    },
  ];
}

async function drainWhileKilled(pidFile: string, kubeconfig: string): Promise<FaultResult> {
  const admin = new KubeConfig();
  admin.loadFromFile(kubeconfig);
  const core = admin.makeApiClient(CoreV1Api);
  const { items } = await core.listNode();
  const [node] = items;
  if (node === undefined) throw new Error(`the cluster of ${kubeconfig} has no node`);
  const { name = '' } = node.metadata ?? {};
  const instanceId = /i-[0-9a-f]+$/.exec(node.spec?.providerID ?? '')?.[0];
  if (instanceId === undefined) throw new Error(`the provider ID of ${name} names no instance`);
  const aws = await startAws({ region: 'eu-west-1' });
  const watched = apiServer(await readFile(kubeconfig, 'utf8'), join(dirname(kubeconfig), 'audit.log'));
  const witness = await watchInstances(watched, aws);
  try {
    launchGroup(aws, [{ instanceId, privateDnsName: name }], { heartbeatTimeout: 120 });
    const drainer = join(dirname(kubeconfig), 'drainer.conf');
    putKubeconfig(aws, await readFile(existsSync(drainer) ? drainer : kubeconfig, 'utf8'));
    const namespace = `faults-${Date.now().toString(36)}`;
    await core.createNamespace({ body: { metadata: { name: namespace } } });
    const pods = Array.from({ length: PODS }, (_, pod) => ({
      name: `pod-${pod}`,
      nodeName: name,
      shutdownMs: 1_000 + 200 * pod,
    }));
    await runPods(core, namespace, pods);

    aws.terminateInstance(instanceId);
    const startedAt = Date.now();
    const worker = new Program(['drain'], {
      ...aws.environment,
      INSTANCE_ID: instanceId,
      AUTO_SCALING_GROUP_NAME: GROUP,
      LIFECYCLE_HOOK_NAME: HOOK,
      ...KUBECONFIG_SETTINGS,
      ...NO_LOAD_BALANCERS,
    });
    await worker.line('eviction accepted');
    const start = await kill(pidFile);
    await pause(OUTAGE_MS);
    await start();
    const ended = await worker.ended();
    const took = Date.now() - startedAt;
    const remaining = await core.listNamespacedPod({ namespace });
    const [action] = aws.lifecycleActions(instanceId);
    const harm = harmText(await witness.harm());
    await core.patchNode({ name, body: [{ op: 'remove', path: '/spec/unschedulable' }] }).catch(() => undefined);
    await core.deleteNamespace({ name: namespace });
    const isDrained = action?.result === 'CONTINUE' && remaining.items.length === 0;
    const figures = `${PODS} pods in ${seconds(took)}, ${action?.heartbeats} heartbeats`;
    return { nodes: 1, drained: isDrained ? 1 : 0, harm, figures, problems: [], programs: [ended] };
  } finally {
    await witness[Symbol.asyncDispose]();
    await aws.stop();
  }
}

/** Kills the first process. Returns a function that restarts it, and those of the others that exited with it. */
async function kill(pidFiles: string): Promise<() => Promise<void>> {
  const [server, ...others] = await Promise.all(pidFiles.split(',').map(processOf));
  if (server === undefined) throw new Error(`${pidFiles} names no process`);
  process.kill(server.pid, 'SIGKILL');
  return async () => {
    await restart(server);
    await pause(5_000);
    for (const other of others) if (!existsSync(`/proc/${other.pid}`)) await restart(other);
  };
}

type Killed = {
  readonly file: string;
  readonly pid: number;
  readonly command: readonly string[];
  readonly cwd: string;
};

async function processOf(file: string): Promise<Killed> {
  const pid = Number(await readFile(file, 'utf8'));
  const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
  return { file, pid, command, cwd: await readlink(`/proc/${pid}/cwd`) };
}

async function restart({ file, command: [program = '', ...args], cwd }: Killed): Promise<void> {
  const started = spawn(program, args, { cwd, detached: true, stdio: 'ignore' });
  started.unref();
  await writeFile(file, `${started.pid}\n`);
}
